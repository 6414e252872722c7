# python tools/train.py configs/ablations/late_fusion_calibrated_multiple_features_six.py
_base_ = '../late_fusion_multiple_features_six.py'
model = dict(head=dict(combine='calibrated'))
