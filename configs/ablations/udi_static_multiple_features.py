# python tools/train.py configs/ablations/udi_static_multiple_features.py
#
# UDI whose two weights stay at one half.
_base_ = '../udi_multiple_features.py'

train_cfg = dict(controller=dict(dynamic=False))
