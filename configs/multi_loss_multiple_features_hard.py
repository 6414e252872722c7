# python tools/train.py configs/multi_loss_multiple_features_hard.py
_base_ = ['./joint_multiple_features_hard.py', '_base_/methods/multi_loss.py']
model = dict(objective=_base_.objective)
