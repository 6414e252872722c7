# Clips of a few seconds, with a cache: more frames of each second are kept.
# Put it in the place of short_clips.py.
_base_ = './audio_visual_clips_cached.py'

frames, *draw = _base_.visual_train
init, rate, *rest = frames.transforms
visual_train = [
    dict(frames, transforms=[init, dict(rate, fps=8), *rest]), *draw
]
sound, = _base_.audio
decode, *rest = sound.transforms
audio = [dict(sound, transforms=[dict(decode, crop='start'), *rest])]
train_pipeline = [
    dict(**_base_.both, visual=visual_train, audio=audio), _base_.pack
]
test_pipeline = [
    dict(**_base_.both, visual=_base_.visual_test, audio=audio), _base_.pack
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
