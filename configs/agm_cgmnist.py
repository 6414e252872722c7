# python tools/train.py configs/agm_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/agm.py']
model = dict(objective=_base_.objective)
