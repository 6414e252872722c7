# Clips of a few seconds: of their sound the first three seconds, as the
# literature has it, instead of those in the middle.
_base_ = './audio_visual_clips.py'

audio = [dict(_base_.audio[0], crop='start'), *_base_.audio[1:]]
train_pipeline = [
    dict(**_base_.both, visual=_base_.visual_train, audio=audio), _base_.pack
]
test_pipeline = [
    dict(**_base_.both, visual=_base_.visual_test, audio=audio), _base_.pack
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
