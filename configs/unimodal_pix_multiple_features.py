# python tools/train.py configs/unimodal_pix_multiple_features.py
#
# The pix view alone: what phase 1 of UDI trains, bit for bit.
_base_ = ['_base_/sets/multiple_features.py', '_base_/methods/unimodal.py']

model = dict(encoders=dict(_delete_=True, pix=_base_.encoders.pix))
train_dataloader = dict(dataset=dict(modalities=('pix', )))
val_dataloader = test_dataloader = train_dataloader
