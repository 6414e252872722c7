# python tools/train.py configs/mi_balanced_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/mi_balanced.py']
train_cfg = dict(
    hold_out=0.1, stages=[dict(name='joint', objective=_base_.objective)])
