# python tools/train.py configs/cml_multiple_features_pair.py
_base_ = ['./joint_multiple_features_pair.py', '_base_/methods/cml.py']
model = dict(objective=_base_.objective)
