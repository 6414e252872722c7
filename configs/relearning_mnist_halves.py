# python tools/train.py configs/relearning_mnist_halves.py
_base_ = ['./joint_mnist_halves.py', '_base_/methods/relearning.py']
custom_hooks = [dict(**_base_.relearning, lam=3, interval=2)]
