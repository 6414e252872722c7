# python tools/train.py configs/lfm_multiple_features_hard.py
_base_ = ['./joint_multiple_features_hard.py', '_base_/methods/lfm.py']
model = dict(objective=_base_.objective)
