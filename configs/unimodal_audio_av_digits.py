# python tools/train.py configs/unimodal_audio_av_digits.py
#
# The audio branch alone: what phase 1 of UDI trains, bit for bit.
_base_ = ['_base_/sets/av_digits.py', '_base_/methods/unimodal.py']

model = dict(encoders=dict(_delete_=True, audio=_base_.encoders.audio))
train_dataloader = dict(dataset=dict(modalities=('audio', )))
val_dataloader = test_dataloader = train_dataloader
