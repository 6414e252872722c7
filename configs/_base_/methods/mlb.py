# MLB: multi-loss whose encoders are sped up and slowed down towards the same
# pace. Beside multi_loss.py.
mlb = dict(
    type='mmbalance_plugin.GradientOptimWrapper',
    method=dict(type='mmbalance_plugin.MLB', alpha=0.5, beta_max=10.0))

mlb_tuning = [{
    'optim_wrapper.method.alpha': 0.25
}, {
    'optim_wrapper.method.alpha': 1.0
}]
