# python tools/train.py configs/relearning_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/relearning.py']
custom_hooks = [dict(**_base_.relearning, lam=3, interval=2)]
