# Frames and flow with a cache: clips are decoded in the first epoch only; the
# flow is pictures already and is read as it lies. Put it in the place of
# frames_and_flow.py; docs/datasets/clips.md says what is kept.
_base_ = './frames_and_flow.py'

kept = dict(
    type='mmbalance_plugin.CachedTransforms',
    folder='data/cache',
    sources=('filename', ),
    keys=('array', 'total_frames', 'start_index', 'avg_fps', 'frame_times',
          'frame_end', 'frame_numbers'))
stack = dict(type='mmbalance_plugin.StackFrames')
read = dict(type='mmbalance_plugin.PyAVVideoDecode')
decode = dict(
    type='mmbalance_plugin.PerModality',
    rgb=[dict(type='ArrayDecode')],
    flow=_base_.flow)
init, sample, _, *rest = _base_.train_pipeline
train_pipeline = [
    dict(
        **kept,
        transforms=[
            init,
            dict(type='mmbalance_plugin.SampleAtRate', fps=4), read, stack
        ]),
    # Of few frames the last ones would otherwise never be drawn.
    dict(**sample, keep_tail_frames=True), decode, *rest
]
# Tests draw nothing: the frames that they show are kept.
init, sample, _, *rest = _base_.test_pipeline
test_pipeline = [
    dict(**kept, transforms=[init, sample, read, stack]), sample, decode,
    *rest
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
