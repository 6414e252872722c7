# python tools/train.py configs/inforeg_mnist_halves.py
_base_ = ['./multi_loss_mnist_halves.py', '_base_/methods/inforeg.py']
optim_wrapper = dict(**_base_.inforeg)
