# python tools/train.py configs/opm_ogm_ge_crema_d.py
#
# OPM and OGM-GE together, each with its own schedule.
_base_ = ['./opm_crema_d.py', '_base_/methods/ogm_ge.py']

# The authors' value for CREMA-D.
optim_wrapper = dict(**_base_.ogm, alpha=0.8)
