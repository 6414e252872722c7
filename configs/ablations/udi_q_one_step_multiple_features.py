# python tools/train.py configs/ablations/udi_q_one_step_multiple_features.py
#
# UDI whose Q takes one step per batch, as the paper's, not 5.
_base_ = '../udi_multiple_features.py'

train_cfg = dict(
    complementarity=dict(
        type='mmbalance_plugin.CLUBLoss', steps=1))
