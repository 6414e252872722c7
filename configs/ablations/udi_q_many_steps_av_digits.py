# python tools/train.py configs/ablations/udi_q_many_steps_av_digits.py
#
# UDI whose Q takes 20 steps per batch, not 5.
_base_ = '../udi_av_digits.py'

train_cfg = dict(
    complementarity=dict(
        type='mmbalance_plugin.CLUBLoss', steps=20))
