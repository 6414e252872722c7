# PMR: the fused loss, and a loss by the classes' prototypes, which the loop
# renews before each epoch of the stage that has this objective.
pmr = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.PMRLoss', alpha=1.0, mu=0.0)
]

pmr_tuning = [{
    'train_cfg.stages.0.objective.1.alpha': 0.3
}, {
    'train_cfg.stages.0.objective.1.alpha': 3.0
}]
