# python tools/train.py configs/agm_clips.py
#
# AGM: the joint model, with the gradient of each modality's share of the
# fused logits scaled.
_base_ = ['./joint_clips.py', '_base_/methods/agm.py']

model = dict(objective=_base_.objective)
