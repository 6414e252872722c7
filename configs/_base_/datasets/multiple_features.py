# UCI Multiple Features: three of six views of handwritten numerals, of very
# unequal strength. python tools/prepare_data.py multiple_features fetches
# them; docs/datasets.md says what they are.
modalities = ('pix', 'fou', 'mor')
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

# The samples lie in memory: workers would only copy them around, and a batch
# is cut out as a whole.
loader = dict(
    batch_size=64,
    num_workers=0,
    collate_fn=dict(type='mmbalance_plugin.collate_arrays'))
train_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**dataset, split='train'))
val_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, split='val', test_mode=True))
test_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, split='test', test_mode=True))

val_evaluator = dict(type='mmbalance_plugin.MultimodalMetric')
test_evaluator = val_evaluator
