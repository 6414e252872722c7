# python tools/train.py configs/agm_ucf101.py
#
# AGM: the joint model, with the gradient of each modality's share of the
# fused logits scaled.
_base_ = ['./joint_ucf101.py', '_base_/methods/agm.py']

model = dict(objective=_base_.objective)
