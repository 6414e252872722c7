# python tools/train.py configs/opm_ogm_ge_multiple_features.py
#
# OPM and OGM-GE together, each with its own schedule.
_base_ = ['./opm_multiple_features.py', '_base_/methods/ogm_ge.py']

optim_wrapper = dict(**_base_.ogm, alpha=0.3, end_epoch=None)
