# python tools/train.py configs/ogm_ge_clips.py
#
# OGM-GE: the gradient of the modality that is ahead is scaled down, and noise
# added.
_base_ = ['./joint_clips.py', '_base_/methods/ogm_ge.py']

# The authors' value for VGGSound.
optim_wrapper = dict(**_base_.ogm, alpha=0.1)
