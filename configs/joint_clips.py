# python tools/train.py configs/joint_clips.py
#
# Joint training: one network, one loss, features concatenated.
_base_ = ['_base_/sets/clips.py', '_base_/methods/joint.py']

model = dict(head=dict(**_base_.fused_head, num_classes=_base_.num_classes))
