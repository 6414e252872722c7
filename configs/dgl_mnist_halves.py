# python tools/train.py configs/dgl_mnist_halves.py
_base_ = ['./joint_mnist_halves.py', '_base_/methods/dgl.py']
model = dict(objective=_base_.objective)
