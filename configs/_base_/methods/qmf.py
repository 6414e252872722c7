# QMF: modalities are weighted by confidence in each sample, trained alone too,
# and their confidences ranked by the losses of past epochs.
confidence_head = dict(_delete_=True, type='mmbalance_plugin.QMFHead')
objective = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.UnimodalLoss'),
    dict(type='mmbalance_plugin.QMFLoss', weight=1.0)
]

qmf_tuning = [{
    'train_cfg.stages.0.objective.2.weight': 0.3
}, {
    'train_cfg.stages.0.objective.2.weight': 3.0
}]
