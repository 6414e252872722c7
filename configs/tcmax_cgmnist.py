# python tools/train.py configs/tcmax_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/tcmax.py']
model = dict(objective=_base_.objective)
