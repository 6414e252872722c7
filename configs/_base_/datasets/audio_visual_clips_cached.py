# Clips with sound and a cache: they are decoded in the first epoch only. Put
# it in the place of audio_visual_clips.py; docs/datasets/clips.md says what is
# kept.
_base_ = './audio_visual_clips.py'

cache = dict(type='mmbalance_plugin.CachedTransforms', folder='data/cache')
init, sample, decode, *augment = _base_.visual_train
visual_train = [
    # Training draws from frames kept at an even rate, with a short side of
    # 256 pixels.
    dict(
        **cache,
        sources=('filename', ),
        keys=('array', 'total_frames', 'start_index', 'avg_fps',
              'frame_times', 'frame_end', 'frame_numbers'),
        transforms=[
            init,
            dict(type='mmbalance_plugin.SampleAtRate', fps=2), decode,
            dict(type='Resize', scale=(-1, 256)),
            dict(type='mmbalance_plugin.StackFrames')
        ]),
    # Of few frames the last ones would otherwise never be drawn.
    dict(**sample, keep_tail_frames=True),
    dict(type='ArrayDecode'),
    *augment
]
# Tests draw nothing: the pictures that they show are kept as they are.
visual_test = [
    dict(
        **cache,
        sources=('filename', ),
        keys=('imgs', 'img_shape'),
        transforms=_base_.visual_test)
]
audio = [
    dict(
        **cache,
        sources=('audio_path', ),
        keys=('audios', 'sample_rate'),
        transforms=_base_.audio)
]
train_pipeline = [
    dict(**_base_.both, visual=visual_train, audio=audio), _base_.pack
]
test_pipeline = [
    dict(**_base_.both, visual=visual_test, audio=audio), _base_.pack
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
