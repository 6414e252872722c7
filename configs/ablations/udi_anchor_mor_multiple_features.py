# python tools/train.py configs/ablations/udi_anchor_mor_multiple_features.py
#
# UDI whose anchor is mor, whatever validation says.
_base_ = '../udi_multiple_features.py'

train_cfg = dict(anchor='mor')
