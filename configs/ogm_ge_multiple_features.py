# python tools/train.py configs/ogm_ge_multiple_features.py
#
# OGM-GE: the gradient of the modality that is ahead is scaled down, and noise
# added.
_base_ = ['./joint_multiple_features.py', '_base_/methods/ogm_ge.py']

optim_wrapper = dict(**_base_.ogm, alpha=0.1, end_epoch=None)
