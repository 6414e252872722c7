# python tools/train.py configs/mmcosine_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/mmcosine.py']
model = dict(head=dict(**_base_.cosine_head))
