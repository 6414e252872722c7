# python tools/train.py configs/unimodal_gray_cgmnist.py
_base_ = ['_base_/sets/cgmnist.py', '_base_/methods/unimodal.py']
model = dict(encoders=dict(_delete_=True, gray=_base_.encoders.gray))
train_dataloader = dict(dataset=dict(modalities=('gray', )))
val_dataloader = test_dataloader = train_dataloader
