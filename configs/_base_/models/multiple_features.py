# One small multilayer perceptron and one classifier per view; branches are
# combined by the sum of their log-probabilities, as on AVDigits.
encoders = dict(
    pix=dict(
        backbone=dict(type='mmbalance_plugin.MLPBackbone', in_channels=240),
        feat_channels=64),
    fou=dict(
        backbone=dict(type='mmbalance_plugin.MLPBackbone', in_channels=76),
        feat_channels=64),
    mor=dict(
        backbone=dict(type='mmbalance_plugin.MLPBackbone', in_channels=6),
        feat_channels=64))

model = dict(
    type='mmbalance_plugin.MultimodalRecognizer',
    encoders=encoders,
    head=dict(
        type='mmbalance_plugin.DecisionHead',
        num_classes=10,
        combine='sum_log_probs'),
    data_preprocessor=dict(
        type='mmbalance_plugin.MultimodalDataPreprocessor',
        preprocessors=dict(pix=None, fou=None, mor=None)))
