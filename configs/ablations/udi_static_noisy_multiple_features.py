# python tools/train.py configs/ablations/udi_static_noisy_multiple_features.py
#
# The control of udi_noisy_multiple_features.py: weights that stay at one half.
_base_ = './udi_noisy_multiple_features.py'

train_cfg = dict(controller=dict(dynamic=False))
