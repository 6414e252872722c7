# python tools/train.py configs/udi_paper_ucf101.py
#
# UDI with the paper's recipe: three frames and three maps of the flow, (u, v)
# each, where udi_ucf101.py has five around each frame.
_base_ = './udi_ucf101.py'

model = dict(encoders=dict(flow=dict(backbone=dict(in_channels=2))))

sample = dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=3)
decode = dict(
    type='mmbalance_plugin.PerModality',
    rgb=[dict(type='mmbalance_plugin.PyAVVideoDecode')],
    flow=[dict(type='mmbalance_plugin.FlowDecode', length=1)])
train_pipeline = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    sample,
    decode,
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    *_base_.pack
]
test_pipeline = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(**sample, test_mode=True),
    decode,
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    *_base_.pack
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
