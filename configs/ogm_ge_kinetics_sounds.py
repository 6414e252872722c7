# python tools/train.py configs/ogm_ge_kinetics_sounds.py
#
# OGM-GE: the gradient of the modality that is ahead is scaled down, and noise
# added.
_base_ = ['./joint_kinetics_sounds.py', '_base_/methods/ogm_ge.py']

# The authors give none for Kinetics-Sounds: their value for VGGSound.
optim_wrapper = dict(**_base_.ogm, alpha=0.1)
