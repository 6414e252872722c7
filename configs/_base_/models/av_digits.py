# Two small convolutional encoders (61 k weights each) and one classifier per
# modality. The branches are combined by the sum of their log-probabilities,
# a rule chosen on validation (docs/results.md) and the same for every method
# that keeps its branches apart.
encoder = dict(
    type='mmbalance_plugin.ModalityEncoder',
    backbone=dict(
        type='mmbalance_plugin.SmallConvNet', channels=(16, 32, 64, 64)),
    feat_channels=64)

model = dict(
    type='mmbalance_plugin.MultimodalRecognizer',
    encoders=dict(audio=encoder, visual=encoder),
    head=dict(
        type='mmbalance_plugin.DecisionHead',
        num_classes=10,
        combine='sum_log_probs'),
    data_preprocessor=dict(
        type='mmbalance_plugin.MultimodalDataPreprocessor',
        preprocessors=dict(audio=None, visual=None)))
