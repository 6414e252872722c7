# python tools/train.py configs/udi_kinetics_sounds.py
#
# UDI as its paper has it: each modality alone, the best one frozen as the
# anchor, then the other trained once more as a follower under its guidance.
_base_ = ['_base_/sets/kinetics_sounds.py', '_base_/methods/udi_paper.py']

model = dict(head=dict(**_base_.sum_logits))
