# python tools/train.py configs/mimo_watch.py
_base_ = ['./joint_watch.py', '_base_/methods/mimo.py']
model = dict(objective=_base_.objective)
