# python tools/train.py configs/ablations/udi_static_av_digits.py
#
# UDI whose two weights stay at one half.
_base_ = '../udi_av_digits.py'

train_cfg = dict(controller=dict(dynamic=False))
