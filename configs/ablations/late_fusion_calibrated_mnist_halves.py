# python tools/train.py configs/ablations/late_fusion_calibrated_mnist_halves.py
_base_ = '../late_fusion_mnist_halves.py'
model = dict(head=dict(combine='calibrated'))
