# python tools/train.py configs/agm_watch.py
_base_ = ['./joint_watch.py', '_base_/methods/agm.py']
model = dict(objective=_base_.objective)
