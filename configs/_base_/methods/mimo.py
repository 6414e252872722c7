# MIMO: the fused loss, and a smooth maximum of the modalities' own.
objective = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.MIMOLoss', weight=1.0, mu=0.2)
]

mimo_tuning = [{
    'model.objective.1.weight': 0.3
}, {
    'model.objective.1.weight': 3.0
}]
