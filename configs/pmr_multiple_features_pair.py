# python tools/train.py configs/pmr_multiple_features_pair.py
_base_ = ['./joint_multiple_features_pair.py', '_base_/methods/pmr.py']
train_cfg = dict(stages=[dict(name='joint', objective=_base_.pmr)])
