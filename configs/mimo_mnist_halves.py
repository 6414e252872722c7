# python tools/train.py configs/mimo_mnist_halves.py
_base_ = ['./joint_mnist_halves.py', '_base_/methods/mimo.py']
model = dict(objective=_base_.objective)
