# python tools/train.py configs/ogm_ge_av_digits.py
#
# OGM-GE: the gradient of the modality that is ahead is scaled down, and noise
# added.
_base_ = ['./joint_av_digits.py', '_base_/methods/ogm_ge.py']

optim_wrapper = dict(**_base_.ogm, alpha=0.3, end_epoch=None)
