# python tools/train.py configs/opm_ogm_ge_av_digits.py
#
# OPM and OGM-GE together, each with its own schedule.
_base_ = ['./opm_av_digits.py', '_base_/methods/ogm_ge.py']

optim_wrapper = dict(**_base_.ogm, alpha=0.3, end_epoch=None)
