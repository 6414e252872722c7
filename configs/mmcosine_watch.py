# python tools/train.py configs/mmcosine_watch.py
_base_ = ['./joint_watch.py', '_base_/methods/mmcosine.py']
model = dict(head=dict(**_base_.cosine_head))
