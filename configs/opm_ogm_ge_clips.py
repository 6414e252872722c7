# python tools/train.py configs/opm_ogm_ge_clips.py
#
# OPM and OGM-GE together, each with its own schedule.
_base_ = ['./opm_clips.py', '_base_/methods/ogm_ge.py']

# The authors' value for VGGSound.
optim_wrapper = dict(**_base_.ogm, alpha=0.1)
