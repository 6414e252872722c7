# python tools/train.py configs/unimodal_top_mnist_halves.py
_base_ = ['_base_/sets/mnist_halves.py', '_base_/methods/unimodal.py']
model = dict(encoders=dict(_delete_=True, top=_base_.encoders.top))
train_dataloader = dict(dataset=dict(modalities=('top', )))
val_dataloader = test_dataloader = train_dataloader
