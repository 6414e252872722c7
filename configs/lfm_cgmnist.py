# python tools/train.py configs/lfm_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/lfm.py']
model = dict(objective=_base_.objective)
