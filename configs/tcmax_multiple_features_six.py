# python tools/train.py configs/tcmax_multiple_features_six.py
_base_ = ['./joint_multiple_features_six.py', '_base_/methods/tcmax.py']
model = dict(objective=_base_.objective)
