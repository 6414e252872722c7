# Watch: accelerometer and gyroscope of a smartwatch, seven exercises; nobody
# is in two splits. python tools/prepare_data.py watch fetches it;
# docs/datasets/watch.md says what it is. Five folds: fold of each data set.
_base_ = [
    '../datasets/in_memory.py', '../models/branches.py',
    '../schedules/sgd_cosine.py', '../default_runtime.py'
]
max_epochs = 15
optim_wrapper = dict(optimizer=dict(weight_decay=0.03))

modalities = ('accelerometer', 'gyroscope')
num_classes = 7
pipeline = [
    dict(
        type='mmbalance_plugin.PackMultimodalInputs',
        inputs={m: m
                for m in modalities},
        meta_keys=('sample_idx', ))
]
dataset = dict(
    type='mmbalance_plugin.WatchDataset',
    data_root='data/watch',
    modalities=modalities,
    fold=0,
    pipeline=pipeline)
train_dataloader = dict(dataset=dict(**dataset, split='train'))
val_dataloader = dict(dataset=dict(**dataset, split='val'))
test_dataloader = dict(dataset=dict(**dataset, split='test'))

# Four convolutions over time each.
encoders = {
    m: dict(
        backbone=dict(
            type='mmbalance_plugin.SmallConvNet',
            in_channels=3,
            channels=(16, 32, 64, 64)),
        feat_channels=64)
    for m in modalities
}
model = dict(encoders=encoders, head=dict(num_classes=num_classes))
