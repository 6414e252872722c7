# Frames, and the optical flow around them, as two modalities: three frames of
# a clip with five flow pictures (u and v) around each.
_base_ = './loaders.py'

modalities = ('rgb', 'flow')
sample = dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=3)
pack = [
    dict(type='mmbalance_plugin.SplitFlow'),
    dict(
        type='mmbalance_plugin.PackMultimodalInputs',
        inputs=dict(rgb='imgs', flow='flows'))
]
# A stage that trains one modality decodes only that one.
flow = [dict(type='mmbalance_plugin.FlowDecode', length=5)]
decode = dict(
    type='mmbalance_plugin.PerModality',
    rgb=[dict(type='mmbalance_plugin.PyAVVideoDecode')],
    flow=flow)
train_pipeline = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    sample,
    decode,
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    *pack
]
test_pipeline = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(**sample, test_mode=True),
    decode,
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    *pack
]

train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(num_workers=4, dataset=dict(pipeline=test_pipeline))
