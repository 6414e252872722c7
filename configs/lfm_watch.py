# python tools/train.py configs/lfm_watch.py
_base_ = ['./joint_watch.py', '_base_/methods/lfm.py']
model = dict(objective=_base_.objective)
