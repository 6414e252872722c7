# python tools/train.py configs/agm_htad.py
_base_ = ['./joint_htad.py', '_base_/methods/agm.py']
model = dict(objective=_base_.objective)
