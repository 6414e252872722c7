# CML: the fused loss, and one on confidence that grows as modalities go.
objective = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.CMLLoss', weight=0.1)
]
