# Multi-loss: the fused loss, and each modality's own beside it.
objective = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.UnimodalLoss')
]
