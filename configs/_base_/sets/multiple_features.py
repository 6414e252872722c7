# UCI Multiple Features: three of six views of handwritten numerals, of very
# unequal strength. python tools/prepare_data.py multiple_features fetches
# them; docs/datasets.md says what they are.
_base_ = [
    '../datasets/in_memory.py', '../schedules/sgd_cosine.py',
    '../default_runtime.py'
]
max_epochs = 20

modalities = ('pix', 'fou', 'mor')
num_classes = 10
pipeline = [
    dict(
        type='mmbalance_plugin.PackMultimodalInputs',
        inputs={m: m
                for m in modalities},
        meta_keys=('sample_idx', ))
]
dataset = dict(
    type='mmbalance_plugin.MultipleFeaturesDataset',
    data_root='data/multiple_features',
    modalities=modalities,
    pipeline=pipeline)
train_dataloader = dict(dataset=dict(**dataset, split='train'))
val_dataloader = dict(dataset=dict(**dataset, split='val'))
test_dataloader = dict(dataset=dict(**dataset, split='test'))

# One small multilayer perceptron and one classifier per view; branches are
# combined by the sum of their log-probabilities, as on AVDigits.
encoders = {
    m: dict(
        backbone=dict(
            type='mmbalance_plugin.MLPBackbone', in_channels=features),
        feat_channels=64)
    for m, features in dict(pix=240, fou=76, mor=6).items()
}
model = dict(
    type='mmbalance_plugin.MultimodalRecognizer',
    encoders=encoders,
    head=dict(
        type='mmbalance_plugin.DecisionHead',
        num_classes=num_classes,
        combine='sum_log_probs'))

# What makes it a model of one view.
alone = {
    m: dict(encoders={
        '_delete_': True,
        m: encoders[m]
    })
    for m in modalities
}
