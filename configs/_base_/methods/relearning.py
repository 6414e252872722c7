# Diagnosing & Re-learning: now and then, encoders are set back towards their
# initial weights, the more so the worse their features generalise.
relearning = dict(type='mmbalance_plugin.RelearningHook')

relearning_tuning = [{'custom_hooks.0.lam': 1.0}, {'custom_hooks.0.lam': 9.0}]
