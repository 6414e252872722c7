# python tools/train.py configs/multi_loss_cgmnist_full.py
_base_ = ['./joint_cgmnist_full.py', '_base_/methods/multi_loss.py']
model = dict(objective=_base_.objective)
