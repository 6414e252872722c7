# python tools/train.py configs/mimo_clips.py
#
# MIMO: the joint model, trained on the fused loss and on a smooth maximum of
# the modalities' own.
_base_ = ['./joint_clips.py', '_base_/methods/mimo.py']

model = dict(objective=_base_.objective)
