# python tools/train.py configs/unimodal_color_cgmnist.py
_base_ = ['_base_/sets/cgmnist.py', '_base_/methods/unimodal.py']
model = dict(encoders=dict(_delete_=True, color=_base_.encoders.color))
train_dataloader = dict(dataset=dict(modalities=('color', )))
val_dataloader = test_dataloader = train_dataloader
