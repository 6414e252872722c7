# python tools/train.py configs/agm_multiple_features_six.py
_base_ = ['./joint_multiple_features_six.py', '_base_/methods/agm.py']
model = dict(objective=_base_.objective)
