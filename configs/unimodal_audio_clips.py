# python tools/train.py configs/unimodal_audio_clips.py
#
# The audio branch alone: what phase 1 of UDI trains.
_base_ = ['_base_/sets/clips.py', '_base_/methods/unimodal.py']

model = _base_.alone.audio
pack = dict(_base_.pack, inputs=dict(audio='audios'))
only = dict(streams=('audio', ), pipeline=[*_base_.audio, pack])
train_dataloader = dict(dataset=only)
val_dataloader = test_dataloader = train_dataloader
