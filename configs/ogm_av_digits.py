# python tools/train.py configs/ogm_av_digits.py
#
# OGM: the gradient of the modality that is ahead is scaled down.
_base_ = ['./joint_av_digits.py', '_base_/methods/ogm.py']

optim_wrapper = dict(**_base_.ogm, alpha=0.3, end_epoch=None)
