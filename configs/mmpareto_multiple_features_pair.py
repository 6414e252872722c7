# python tools/train.py configs/mmpareto_multiple_features_pair.py
_base_ = [
    './multi_loss_multiple_features_pair.py', '_base_/methods/mmpareto.py'
]
model = dict(step=_base_.step)
