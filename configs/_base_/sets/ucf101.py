# UCF101: frames, and the optical flow around them, as two modalities.
# python tools/prepare_data.py ucf101 --source DIR checks what you have;
# docs/datasets/ucf101.md says where it comes from.
# With a cache: frames_and_flow_cached.py. Other official splits:
# protocol='split2' and 'split3'.
_base_ = [
    '../datasets/frames_and_flow.py', '../schedules/sgd_100e.py',
    '../default_runtime.py'
]

num_classes = 101
dataset = dict(
    type='mmbalance_plugin.UCF101Dataset',
    data_root='data/ucf101',
    protocol='split1')
train_dataloader = dict(dataset=dict(**dataset, split='train'))
val_dataloader = dict(dataset=dict(**dataset, split='val'))
test_dataloader = dict(dataset=dict(**dataset, split='test'))

# A ResNet18 for each modality, from scratch, and one classifier each.
encoders = dict(
    rgb=dict(
        type='mmbalance_plugin.ModalityEncoder',
        backbone=dict(
            type='mmaction.ResNet',
            depth=18,
            pretrained=None,
            norm_eval=False),
        feat_channels=512),
    flow=dict(
        type='mmbalance_plugin.ModalityEncoder',
        backbone=dict(
            type='mmaction.ResNet',
            depth=18,
            pretrained=None,
            norm_eval=False,
            in_channels=10),
        feat_channels=512))

preprocessors = dict(
    rgb=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    flow=dict(mean=128., std=64.))

model = dict(
    type='mmbalance_plugin.MultimodalRecognizer',
    encoders=encoders,
    head=dict(type='mmbalance_plugin.DecisionHead', num_classes=num_classes),
    data_preprocessor=dict(
        type='mmbalance_plugin.MultimodalDataPreprocessor',
        preprocessors=preprocessors))
