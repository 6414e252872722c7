# python tools/train.py configs/ablations/udi_q_wide_av_digits.py
#
# UDI with a wide Q: 256 hidden channels instead of 64.
_base_ = '../udi_av_digits.py'

train_cfg = dict(
    complementarity=dict(
        type='mmbalance_plugin.CLUBLoss', hidden_channels=256))
