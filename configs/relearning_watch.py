# python tools/train.py configs/relearning_watch.py
_base_ = ['./joint_watch.py', '_base_/methods/relearning.py']
custom_hooks = [dict(**_base_.relearning, lam=3, interval=3)]
