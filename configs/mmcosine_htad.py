# python tools/train.py configs/mmcosine_htad.py
_base_ = ['./joint_htad.py', '_base_/methods/mmcosine.py']
model = dict(head=dict(**_base_.cosine_head))
