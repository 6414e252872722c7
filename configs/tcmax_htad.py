# python tools/train.py configs/tcmax_htad.py
_base_ = ['./joint_htad.py', '_base_/methods/tcmax.py']
model = dict(objective=_base_.objective)
