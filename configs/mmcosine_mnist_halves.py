# python tools/train.py configs/mmcosine_mnist_halves.py
_base_ = ['./joint_mnist_halves.py', '_base_/methods/mmcosine.py']
model = dict(head=dict(**_base_.cosine_head))
