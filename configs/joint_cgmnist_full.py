# python tools/train.py configs/joint_cgmnist_full.py
_base_ = ['_base_/sets/cgmnist_full.py', '_base_/methods/joint.py']
model = dict(head=dict(**_base_.fused_head, num_classes=_base_.num_classes))
