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
    head=dict(type='mmbalance_plugin.DecisionHead', num_classes=101),
    data_preprocessor=dict(
        type='mmbalance_plugin.MultimodalDataPreprocessor',
        preprocessors=preprocessors))
