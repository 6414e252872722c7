# CGMNIST: digits in gray, and in a colour that tells the class in training
# and nothing in the test. python tools/prepare_data.py cgmnist fetches MNIST;
# docs/datasets/cgmnist.md says what it is. This is the short recipe, for a
# CPU; the field's is cgmnist_full.py.
_base_ = [
    '../datasets/in_memory.py', '../models/branches.py',
    '../schedules/sgd_cosine.py', '../default_runtime.py'
]
max_epochs = 3
optim_wrapper = dict(optimizer=dict(lr=0.02))

modalities = ('gray', 'color')
num_classes = 10
pipeline = [
    dict(
        type='mmbalance_plugin.PackMultimodalInputs',
        inputs={m: m
                for m in modalities},
        meta_keys=('sample_idx', ))
]
dataset = dict(
    type='mmbalance_plugin.CGMNISTDataset',
    data_root='data/cgmnist',
    modalities=modalities,
    variance=0.03,
    pipeline=pipeline)
# On a card the images are sent there once.
collate_fn = dict(resident=True)
train_dataloader = dict(
    collate_fn=collate_fn, dataset=dict(**dataset, split='train'))
# Digits held out of training, coloured as those of the test are: what the
# published numbers were selected on. 'iid' colours them as in training.
val_dataloader = dict(
    batch_size=500,
    collate_fn=collate_fn,
    dataset=dict(**dataset, split='val', selection='target'))
test_dataloader = dict(
    batch_size=500,
    collate_fn=collate_fn,
    dataset=dict(**dataset, split='test'))

# The usual network, 100 thousand weights each with its linear layer.
encoders = {
    m: dict(
        backbone=dict(
            type='mmbalance_plugin.CGMNISTNet', in_channels=channels),
        feat_channels=64,
        proj_channels=512,
        # On a CPU, colours take three quarters of the time.
        channels_last=True)
    for m, channels in zip(modalities, (1, 3))
}
model = dict(encoders=encoders, head=dict(num_classes=num_classes))
