# python tools/train.py configs/pmr_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/pmr.py']
train_cfg = dict(stages=[dict(name='joint', objective=_base_.pmr)])
