# python tools/train.py configs/dgl_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/dgl.py']
model = dict(objective=_base_.objective)
