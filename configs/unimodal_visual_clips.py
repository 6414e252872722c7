# python tools/train.py configs/unimodal_visual_clips.py
#
# The visual branch alone: what phase 1 of UDI trains.
_base_ = ['_base_/sets/clips.py', '_base_/methods/unimodal.py']

model = _base_.alone.visual
pack = dict(_base_.pack, inputs=dict(visual='imgs'))
shown = dict(streams=('video', ), pipeline=[*_base_.visual_train, pack])
tested = dict(streams=('video', ), pipeline=[*_base_.visual_test, pack])
train_dataloader = dict(dataset=shown)
val_dataloader = test_dataloader = dict(dataset=tested)
