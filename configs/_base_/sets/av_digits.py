# AVDigits: handwritten digits rebuilt from six principal components, and
# spoken digits with noise, paired by class. python tools/prepare_data.py
# av_digits fetches both; docs/datasets/av_digits.md says how the numbers were
# chosen.
_base_ = [
    '../datasets/in_memory.py', '../models/branches.py',
    '../schedules/sgd_cosine.py', '../default_runtime.py'
]
max_epochs = 6

modalities = ('audio', 'visual')
num_classes = 10
pipeline = [
    dict(
        type='mmbalance_plugin.PackMultimodalInputs',
        inputs={m: m
                for m in modalities},
        meta_keys=('sample_idx', ))
]
dataset = dict(
    type='mmbalance_plugin.AVDigitsDataset',
    data_root='data/av_digits',
    modalities=modalities,
    n_components=6,
    audio_noise_std=3.0,
    pipeline=pipeline)
train_dataloader = dict(dataset=dict(**dataset, split='train'))
val_dataloader = dict(dataset=dict(**dataset, split='val'))
test_dataloader = dict(dataset=dict(**dataset, split='test'))

# Two small convolutional encoders, 61 k weights each.
encoders = {
    m: dict(
        type='mmbalance_plugin.ModalityEncoder',
        backbone=dict(
            type='mmbalance_plugin.SmallConvNet', channels=(16, 32, 64, 64)),
        feat_channels=64,
        # A fifth of its time less on a CPU (docs/performance.md).
        channels_last=True)
    for m in modalities
}
model = dict(encoders=encoders, head=dict(num_classes=num_classes))
