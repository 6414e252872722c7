# python tools/train.py configs/ablations/late_fusion_calibrated_av_digits.py
#
# Decoupled late fusion whose branches are temperature-scaled on validation
# data: a control for what UDI gains by calibration alone.
_base_ = '../late_fusion_av_digits.py'

model = dict(head=dict(combine='calibrated'))
