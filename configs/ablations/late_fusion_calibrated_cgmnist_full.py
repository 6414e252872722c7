# python tools/train.py configs/ablations/late_fusion_calibrated_cgmnist_full.py
_base_ = '../late_fusion_cgmnist_full.py'
model = dict(head=dict(combine='calibrated'))
