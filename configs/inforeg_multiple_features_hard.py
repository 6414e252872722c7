# python tools/train.py configs/inforeg_multiple_features_hard.py
_base_ = [
    './multi_loss_multiple_features_hard.py', '_base_/methods/inforeg.py'
]
optim_wrapper = dict(**_base_.inforeg)
