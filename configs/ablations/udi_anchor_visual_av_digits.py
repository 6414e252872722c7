# python tools/train.py configs/ablations/udi_anchor_visual_av_digits.py
#
# UDI whose anchor is visual, whatever validation says.
_base_ = '../udi_av_digits.py'

train_cfg = dict(anchor='visual')
