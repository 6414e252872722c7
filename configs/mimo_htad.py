# python tools/train.py configs/mimo_htad.py
_base_ = ['./joint_htad.py', '_base_/methods/mimo.py']
model = dict(objective=_base_.objective)
