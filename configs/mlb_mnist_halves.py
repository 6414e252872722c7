# python tools/train.py configs/mlb_mnist_halves.py
_base_ = ['./multi_loss_mnist_halves.py', '_base_/methods/mlb.py']
optim_wrapper = dict(**_base_.mlb)
