# python tools/train.py configs/unimodal_visual_av_digits.py
#
# The visual branch alone: what phase 1 of UDI trains, bit for bit.
_base_ = ['_base_/sets/av_digits.py', '_base_/methods/unimodal.py']

model = dict(encoders=dict(_delete_=True, visual=_base_.encoders.visual))
train_dataloader = dict(dataset=dict(modalities=('visual', )))
val_dataloader = test_dataloader = train_dataloader
