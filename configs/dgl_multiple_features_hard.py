# python tools/train.py configs/dgl_multiple_features_hard.py
_base_ = ['./joint_multiple_features_hard.py', '_base_/methods/dgl.py']
model = dict(objective=_base_.objective)
