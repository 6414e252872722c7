# python tools/train.py configs/ogm_ge_multiple_features_hard.py
_base_ = ['./joint_multiple_features_hard.py', '_base_/methods/ogm_ge.py']
optim_wrapper = dict(**_base_.ogm, alpha=0.1, end_epoch=None)
