# python tools/train.py configs/dgl_multiple_features.py
#
# DGL: the joint model, its encoders and its head trained apart in one pass.
_base_ = ['./joint_multiple_features.py', '_base_/methods/dgl.py']

model = dict(objective=_base_.objective)
