# python tools/train.py configs/tcmax_mnist_halves.py
_base_ = ['./joint_mnist_halves.py', '_base_/methods/tcmax.py']
model = dict(objective=_base_.objective)
