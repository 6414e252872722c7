# python tools/train.py configs/lfm_htad.py
_base_ = ['./joint_htad.py', '_base_/methods/lfm.py']
model = dict(objective=_base_.objective)
