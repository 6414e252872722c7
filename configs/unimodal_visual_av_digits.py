# python tools/train.py configs/unimodal_visual_av_digits.py
#
# The visual branch alone: what phase 1 of UDI trains, bit for bit.
_base_ = ['_base_/sets/av_digits.py', '_base_/methods/unimodal.py']

model = _base_.alone.visual
train_dataloader = dict(dataset=dict(modalities=('visual', )))
val_dataloader = test_dataloader = train_dataloader
