# Batches, their order and the metric: what all sets have in common.
train_dataloader = dict(
    batch_size=64,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict())
val_dataloader = dict(
    batch_size=64,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(type='mmbalance_plugin.MultimodalMetric')
test_evaluator = val_evaluator
