# python tools/train.py configs/cml_htad.py
_base_ = ['./joint_htad.py', '_base_/methods/cml.py']
model = dict(objective=_base_.objective)
