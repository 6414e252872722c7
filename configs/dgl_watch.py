# python tools/train.py configs/dgl_watch.py
_base_ = ['./joint_watch.py', '_base_/methods/dgl.py']
model = dict(objective=_base_.objective)
