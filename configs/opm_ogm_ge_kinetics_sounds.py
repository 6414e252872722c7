# python tools/train.py configs/opm_ogm_ge_kinetics_sounds.py
#
# OPM and OGM-GE together, each with its own schedule.
_base_ = ['./opm_kinetics_sounds.py', '_base_/methods/ogm_ge.py']

# The authors give none for Kinetics-Sounds: their value for VGGSound.
optim_wrapper = dict(**_base_.ogm, alpha=0.1)
