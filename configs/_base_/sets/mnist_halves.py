# MNIST halves: top and bottom of one handwritten digit, 3,000 to train on.
# python tools/prepare_data.py mnist_halves fetches MNIST;
# docs/datasets/mnist_halves.md says what it is. Other sizes: n_samples of a
# split's data set.
_base_ = [
    '../datasets/in_memory.py', '../models/branches.py',
    '../schedules/sgd_cosine.py', '../default_runtime.py'
]
max_epochs = 10
optim_wrapper = dict(optimizer=dict(weight_decay=0.03))

modalities = ('top', 'bottom')
num_classes = 10
pipeline = [
    dict(
        type='mmbalance_plugin.PackMultimodalInputs',
        inputs={m: m
                for m in modalities},
        meta_keys=('sample_idx', ))
]
dataset = dict(
    type='mmbalance_plugin.MNISTHalvesDataset',
    data_root='data/mnist_halves',
    modalities=modalities,
    pipeline=pipeline)
train_dataloader = dict(dataset=dict(**dataset, split='train'))
val_dataloader = dict(dataset=dict(**dataset, split='val'))
test_dataloader = dict(dataset=dict(**dataset, split='test'))

# A multilayer perceptron for the pixels of each half.
encoders = {
    m: dict(
        backbone=dict(
            type='mmbalance_plugin.MLPBackbone',
            in_channels=14 * 28,
            channels=(128, 64)),
        feat_channels=64)
    for m in modalities
}
model = dict(encoders=encoders, head=dict(num_classes=num_classes))
