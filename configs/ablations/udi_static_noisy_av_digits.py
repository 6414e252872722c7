# python tools/train.py configs/ablations/udi_static_noisy_av_digits.py
#
# The control of udi_noisy_av_digits.py: weights that stay at one half.
_base_ = './udi_noisy_av_digits.py'

train_cfg = dict(controller=dict(dynamic=False))
