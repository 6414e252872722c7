# python tools/train.py configs/lfm_mnist_halves.py
_base_ = ['./joint_mnist_halves.py', '_base_/methods/lfm.py']
model = dict(objective=_base_.objective)
