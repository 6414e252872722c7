# Joint training: one network, one loss. The model of a set keeps its branches
# apart; here their features are concatenated, with one classifier.
train_cfg = dict(type='mmbalance_plugin.StagedTrainLoop')

fused_head = dict(_delete_=True, type='mmbalance_plugin.ConcatHead')
