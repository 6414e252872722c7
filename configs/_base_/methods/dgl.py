# DGL: encoders learn from what the head says of each alone, the head from the
# fused prediction, in one backward pass.
objective = [dict(type='mmbalance_plugin.DGLLoss', alpha=4.0)]

dgl_tuning = [{
    'model.objective.0.alpha': 1.0
}, {
    'model.objective.0.alpha': 8.0
}]
