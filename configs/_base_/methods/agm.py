# AGM: the fused loss, whose gradient is scaled on its way through each
# modality's share of the logits.
objective = [dict(type='mmbalance_plugin.AGMLoss', alpha=1.5)]
