# python tools/train.py configs/dgl_clips.py
#
# DGL: the joint model, its encoders and its head trained apart in one pass.
_base_ = ['./joint_clips.py', '_base_/methods/dgl.py']

model = dict(objective=_base_.objective)
