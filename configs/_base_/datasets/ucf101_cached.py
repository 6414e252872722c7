# UCF101 with a cache: clips are decoded in the first epoch only; the flow is
# pictures already and is read as it lies.
# Put it in the place of ucf101.py in a config's _base_.
_base_ = ['./ucf101.py', './cached_clips.py']

kept = dict(**_base_.kept_frames, folder='data/ucf101/cache')
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
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
