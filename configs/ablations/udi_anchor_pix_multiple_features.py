# python tools/train.py configs/ablations/udi_anchor_pix_multiple_features.py
#
# UDI whose anchor is pix, whatever validation says.
_base_ = '../udi_multiple_features.py'

train_cfg = dict(anchor='pix')
