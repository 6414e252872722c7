# python tools/train.py configs/ablations/late_fusion_calibrated_htad.py
_base_ = '../late_fusion_htad.py'
model = dict(head=dict(combine='calibrated'))
