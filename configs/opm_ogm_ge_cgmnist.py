# python tools/train.py configs/opm_ogm_ge_cgmnist.py
_base_ = ['./opm_cgmnist.py', '_base_/methods/ogm_ge.py']
optim_wrapper = dict(**_base_.ogm, alpha=0.3, end_epoch=None)
