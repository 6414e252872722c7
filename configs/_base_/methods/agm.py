# AGM: the fused loss, whose gradient is scaled on its way through each
# modality's share of the logits.
objective = [dict(type='mmbalance_plugin.AGMLoss', alpha=1.5)]

agm_tuning = [{
    'model.objective.0.alpha': 0.5
}, {
    'model.objective.0.alpha': 3.0
}]
