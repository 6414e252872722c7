# UCF101: frames, and the optical flow around them, as two modalities.
# python tools/prepare_data.py ucf101 --source DIR checks what you have;
# docs/datasets.md says where it comes from.

# Three frames of a clip with five flow pictures (u and v) around each.
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

dataset = dict(
    type='mmbalance_plugin.UCF101Dataset',
    data_root='data/ucf101',
    protocol='split1')
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**dataset, split='train', pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **dataset, split='val', test_mode=True, pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=64,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **dataset, split='test', test_mode=True, pipeline=test_pipeline))

val_evaluator = dict(type='mmbalance_plugin.MultimodalMetric')
test_evaluator = val_evaluator
