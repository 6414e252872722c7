# python tools/train.py configs/ablations/late_fusion_calibrated_multiple_features_hard.py
_base_ = '../late_fusion_multiple_features_hard.py'
model = dict(head=dict(combine='calibrated'))
