# python tools/train.py configs/multi_loss_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/multi_loss.py']
model = dict(objective=_base_.objective)
