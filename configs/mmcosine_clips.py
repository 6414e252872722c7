# python tools/train.py configs/mmcosine_clips.py
#
# MMCosine: the joint model with logits that are sums of cosines.
_base_ = ['./joint_clips.py', '_base_/methods/mmcosine.py']

model = dict(head=dict(**_base_.cosine_head))
