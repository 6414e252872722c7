# python tools/train.py configs/multi_loss_clips.py
#
# Multi-loss: the joint model, trained on the fused loss and on each
# modality's own.
_base_ = ['./joint_clips.py', '_base_/methods/multi_loss.py']

model = dict(objective=_base_.objective)
