# CML: the fused loss, and one on confidence that grows as modalities go.
objective = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.CMLLoss', weight=0.1)
]

cml_tuning = [{
    'model.objective.1.weight': 0.03
}, {
    'model.objective.1.weight': 0.3
}]
