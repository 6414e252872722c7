# ReconBoost: each modality alone first, then in turns: each learns what the
# others do not know yet, and after each turn all of them train together.
train_cfg = dict(type='mmbalance_plugin.ReconBoostTrainLoop')
sum_logits = dict(combine='sum_logits')
