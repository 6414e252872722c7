# MMPareto: the gradients of the fused and of each modality's own loss are
# combined without conflict. Beside multi_loss.py.
step = dict(type='mmbalance_plugin.MMPareto', gamma=1.5)

mmpareto_tuning = [{'model.step.gamma': 1.0}, {'model.step.gamma': 2.0}]
