# python tools/train.py configs/joint_av_digits.py
#
# Joint training: one network, one loss, features concatenated.
_base_ = ['_base_/sets/av_digits.py', '_base_/methods/joint.py']

model = dict(head=dict(**_base_.fused_head, num_classes=_base_.num_classes))
