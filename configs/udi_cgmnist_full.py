# python tools/train.py configs/udi_cgmnist_full.py
_base_ = ['_base_/sets/cgmnist_full.py', '_base_/methods/udi_paper.py']
model = dict(head=dict(**_base_.sum_logits))
