# python tools/train.py configs/dgl_htad.py
_base_ = ['./joint_htad.py', '_base_/methods/dgl.py']
model = dict(objective=_base_.objective)
