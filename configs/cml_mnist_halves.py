# python tools/train.py configs/cml_mnist_halves.py
_base_ = ['./joint_mnist_halves.py', '_base_/methods/cml.py']
model = dict(objective=_base_.objective)
