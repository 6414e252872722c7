# python tools/train.py configs/cml_watch.py
_base_ = ['./joint_watch.py', '_base_/methods/cml.py']
model = dict(objective=_base_.objective)
