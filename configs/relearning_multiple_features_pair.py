# python tools/train.py configs/relearning_multiple_features_pair.py
_base_ = ['./joint_multiple_features_pair.py', '_base_/methods/relearning.py']
custom_hooks = [dict(**_base_.relearning, lam=3, interval=4)]
