# HTAD: sound and wrist motion of seven activities at home, one block of
# recordings left out. python tools/prepare_data.py htad fetches it and prints
# its licence (research and education); docs/datasets/htad.md says what it is.
# Three folds, or five of protocol='random': in each data set.
_base_ = [
    '../datasets/in_memory.py', '../models/branches.py',
    '../schedules/sgd_cosine.py', '../default_runtime.py'
]
max_epochs = 20
optim_wrapper = dict(optimizer=dict(weight_decay=0.03))

modalities = ('audio', 'accelerometer')
num_classes = 7
pipeline = [
    dict(
        type='mmbalance_plugin.PackMultimodalInputs',
        inputs={m: m
                for m in modalities},
        meta_keys=('sample_idx', ))
]
dataset = dict(
    type='mmbalance_plugin.HTADDataset',
    data_root='data/htad',
    modalities=modalities,
    protocol='block',
    fold=0,
    pipeline=pipeline)
train_dataloader = dict(dataset=dict(**dataset, split='train'))
val_dataloader = dict(dataset=dict(**dataset, split='val'))
test_dataloader = dict(dataset=dict(**dataset, split='test'))

encoders = {
    m: dict(
        backbone=dict(
            type='mmbalance_plugin.MLPBackbone', in_channels=features),
        feat_channels=64)
    for m, features in dict(audio=36, accelerometer=16).items()
}
model = dict(encoders=encoders, head=dict(num_classes=num_classes))
