# python tools/train.py configs/ablations/late_fusion_calibrated_cgmnist.py
_base_ = '../late_fusion_cgmnist.py'
model = dict(head=dict(combine='calibrated'))
