# python tools/train.py configs/ablations/udi_q_linear_av_digits.py
#
# UDI with a linear Q, without a hidden layer.
_base_ = '../udi_av_digits.py'

train_cfg = dict(
    complementarity=dict(
        type='mmbalance_plugin.CLUBLoss', hidden_layers=0))
