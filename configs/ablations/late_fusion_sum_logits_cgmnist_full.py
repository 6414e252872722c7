# python tools/train.py configs/ablations/late_fusion_sum_logits_cgmnist_full.py
#
# UDI's decoupled control: the same branches, without guidance, combined as
# its paper combines them.
_base_ = '../late_fusion_cgmnist_full.py'
model = dict(head=dict(combine='sum_logits'))
