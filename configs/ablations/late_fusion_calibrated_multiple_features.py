# python tools/train.py configs/ablations/late_fusion_calibrated_multiple_features.py
#
# Decoupled late fusion whose branches are temperature-scaled on validation
# data: a control for what UDI gains by calibration alone.
_base_ = '../late_fusion_multiple_features.py'

model = dict(head=dict(combine='calibrated'))
