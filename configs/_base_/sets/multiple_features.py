# UCI Multiple Features: three of six views of handwritten numerals, of very
# unequal strength. python tools/prepare_data.py multiple_features fetches
# them; docs/datasets/multiple_features.md says what they are.
_base_ = [
    '../datasets/in_memory.py', '../models/branches.py',
    '../schedules/sgd_cosine.py', '../default_runtime.py'
]
max_epochs = 20

modalities = ('pix', 'fou', 'mor')
num_classes = 10
# A small multilayer perceptron for each of the six views.
views = dict(pix=240, fou=76, mor=6, zer=47, kar=64, fac=216)
encoders = {
    m: dict(
        backbone=dict(
            type='mmbalance_plugin.MLPBackbone', in_channels=features),
        feat_channels=64)
    for m, features in views.items()
}
# Packs those views that the data set has.
pipeline = [
    dict(
        type='mmbalance_plugin.PackMultimodalInputs',
        inputs={m: m
                for m in views},
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

model = dict(
    encoders={m: encoders[m]
              for m in modalities},
    head=dict(num_classes=num_classes))
