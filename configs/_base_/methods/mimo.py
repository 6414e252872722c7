# MIMO: the fused loss, and a smooth maximum of the modalities' own.
objective = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.MIMOLoss', weight=1.0, mu=0.2)
]
