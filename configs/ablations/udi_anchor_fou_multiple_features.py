# python tools/train.py configs/ablations/udi_anchor_fou_multiple_features.py
#
# UDI whose anchor is fou, whatever validation says.
_base_ = '../udi_multiple_features.py'

train_cfg = dict(anchor='fou')
