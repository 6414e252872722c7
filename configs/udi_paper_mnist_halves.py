# python tools/train.py configs/udi_paper_mnist_halves.py
_base_ = ['_base_/sets/mnist_halves.py', '_base_/methods/udi_paper.py']
model = dict(head=dict(**_base_.sum_logits))
