# python tools/train.py configs/agm_mnist_halves.py
_base_ = ['./joint_mnist_halves.py', '_base_/methods/agm.py']
model = dict(objective=_base_.objective)
