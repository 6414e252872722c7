# python tools/train.py configs/mimo_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/mimo.py']
model = dict(objective=_base_.objective)
