# python tools/train.py configs/ablations/late_fusion_sum_logits_cgmnist.py
#
# UDI's decoupled control: the same branches, without guidance, combined as
# its paper combines them.
_base_ = '../late_fusion_cgmnist.py'
model = dict(head=dict(combine='sum_logits'))
