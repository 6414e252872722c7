# python tools/train.py configs/ablations/late_fusion_calibrated_watch.py
_base_ = '../late_fusion_watch.py'
model = dict(head=dict(combine='calibrated'))
