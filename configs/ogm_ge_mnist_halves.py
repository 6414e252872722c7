# python tools/train.py configs/ogm_ge_mnist_halves.py
_base_ = ['./joint_mnist_halves.py', '_base_/methods/ogm_ge.py']
optim_wrapper = dict(**_base_.ogm, alpha=0.3, end_epoch=None)
