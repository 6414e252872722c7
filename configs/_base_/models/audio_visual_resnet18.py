# A ResNet18 for each modality, from scratch, and one classifier each. A config
# that inherits from it gives the number of classes.
encoders = dict(
    audio=dict(
        type='mmbalance_plugin.ModalityEncoder',
        backbone=dict(
            type='mmaction.ResNet',
            depth=18,
            pretrained=None,
            norm_eval=False,
            in_channels=1),
        feat_channels=512),
    visual=dict(
        type='mmbalance_plugin.ModalityEncoder',
        backbone=dict(
            type='mmaction.ResNet',
            depth=18,
            pretrained=None,
            norm_eval=False),
        feat_channels=512))

preprocessors = dict(
    audio=None,
    visual=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]))

model = dict(
    type='mmbalance_plugin.MultimodalRecognizer',
    encoders=encoders,
    head=dict(type='mmbalance_plugin.DecisionHead'),
    data_preprocessor=dict(
        type='mmbalance_plugin.MultimodalDataPreprocessor',
        preprocessors=preprocessors))

# What makes it a model of one modality.
alone = {
    m: dict(
        encoders={
            '_delete_': True,
            m: encoders[m]
        },
        data_preprocessor=dict(
            preprocessors={
                '_delete_': True,
                m: preprocessors[m]
            }))
    for m in encoders
}
