# python tools/train.py configs/ablations/udi_q_deep_multiple_features.py
#
# UDI with a deep Q: three hidden layers instead of one.
_base_ = '../udi_multiple_features.py'

train_cfg = dict(
    complementarity=dict(
        type='mmbalance_plugin.CLUBLoss', hidden_layers=3))
