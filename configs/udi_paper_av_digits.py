# python tools/train.py configs/udi_paper_av_digits.py
#
# UDI with the options of its paper, beside udi_av_digits.py.
_base_ = ['_base_/sets/av_digits.py', '_base_/methods/udi_paper.py']

model = dict(head=dict(**_base_.sum_logits))
