# python tools/train.py configs/ablations/udi_q_narrow_multiple_features.py
#
# UDI with a narrow Q: 16 hidden channels instead of 64.
_base_ = '../udi_multiple_features.py'

train_cfg = dict(
    complementarity=dict(
        type='mmbalance_plugin.CLUBLoss', hidden_channels=16))
