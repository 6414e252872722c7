# python tools/train.py configs/cml_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/cml.py']
model = dict(objective=_base_.objective)
