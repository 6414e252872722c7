# python tools/train.py configs/udi_paper_multiple_features.py
#
# UDI with the options of its paper: the modalities one after the other, each
# against all before it, where udi_multiple_features.py has one anchor for all.
_base_ = ['_base_/sets/multiple_features.py', '_base_/methods/udi_paper.py']

model = dict(head=dict(**_base_.sum_logits))
