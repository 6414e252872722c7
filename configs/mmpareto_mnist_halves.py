# python tools/train.py configs/mmpareto_mnist_halves.py
_base_ = ['./multi_loss_mnist_halves.py', '_base_/methods/mmpareto.py']
model = dict(step=_base_.step)
