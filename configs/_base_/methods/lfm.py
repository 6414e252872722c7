# LFM: first the modalities are matched, later the classes told.
objective = [dict(type='mmbalance_plugin.LFMLoss')]

lfm_tuning = [{
    'model.objective.0.temperature': 0.2
}, {
    'model.objective.0.temperature': 1.0
}]
