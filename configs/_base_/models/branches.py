# Sets that lie in memory: a small encoder and a classifier for each modality,
# combined by the sum of their log-probabilities, a rule chosen on validation
# (docs/results.md) and the same for every method that keeps its branches
# apart. A config that inherits from it gives encoders and classes.
model = dict(
    type='mmbalance_plugin.MultimodalRecognizer',
    head=dict(type='mmbalance_plugin.DecisionHead', combine='sum_log_probs'))
