# python tools/train.py configs/pmr_mnist_halves.py
_base_ = ['./joint_mnist_halves.py', '_base_/methods/pmr.py']
train_cfg = dict(stages=[dict(name='joint', objective=_base_.pmr)])
