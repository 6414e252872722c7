# python tools/train.py configs/tcmax_watch.py
_base_ = ['./joint_watch.py', '_base_/methods/tcmax.py']
model = dict(objective=_base_.objective)
