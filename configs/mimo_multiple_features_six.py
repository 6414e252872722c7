# python tools/train.py configs/mimo_multiple_features_six.py
_base_ = ['./joint_multiple_features_six.py', '_base_/methods/mimo.py']
model = dict(objective=_base_.objective)
