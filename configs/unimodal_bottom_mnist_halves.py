# python tools/train.py configs/unimodal_bottom_mnist_halves.py
_base_ = ['_base_/sets/mnist_halves.py', '_base_/methods/unimodal.py']
model = dict(encoders=dict(_delete_=True, bottom=_base_.encoders.bottom))
train_dataloader = dict(dataset=dict(modalities=('bottom', )))
val_dataloader = test_dataloader = train_dataloader
