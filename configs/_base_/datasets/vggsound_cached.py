# VGGSound with a cache: clips are decoded in the first epoch only.
# Put it in the place of vggsound.py in a config's _base_.
_base_ = ['./vggsound.py', './cached_clips.py']

folder = 'data/vggsound/cache'
init, sample, decode, *augment = _base_.visual_train
visual_train = [
    dict(
        **_base_.kept_frames,
        folder=folder,
        transforms=[
            init,
            dict(type='mmbalance_plugin.SampleAtRate', fps=2), decode,
            *_base_.smaller
        ]),
    # Of few frames the last ones would otherwise never be drawn.
    dict(**sample, keep_tail_frames=True),
    dict(type='ArrayDecode'),
    *augment
]
visual_test = [
    dict(
        **_base_.kept_pictures, folder=folder, transforms=_base_.visual_test)
]
audio = [dict(**_base_.kept_sound, folder=folder, transforms=_base_.audio)]
train_pipeline = [
    dict(**_base_.both, visual=visual_train, audio=audio), _base_.pack
]
test_pipeline = [
    dict(**_base_.both, visual=visual_test, audio=audio), _base_.pack
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
