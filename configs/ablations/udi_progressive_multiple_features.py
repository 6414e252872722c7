# python tools/train.py configs/ablations/udi_progressive_multiple_features.py
#
# UDI's modalities one after the other, each guided by all before it, where
# udi_multiple_features.py has one anchor for all.
_base_ = '../udi_multiple_features.py'

train_cfg = dict(order='progressive')
