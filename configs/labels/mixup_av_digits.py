# python tools/train.py configs/labels/mixup_av_digits.py
#
# Joint training by MixUp: each sample is blended with another, sound and
# picture alike. kind='cutmix' cuts a box instead: docs/multi-label.md.
_base_ = '../joint_av_digits.py'

model = dict(blending=dict(type='mmbalance_plugin.Blending', kind='mixup'))
