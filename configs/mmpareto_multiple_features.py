# python tools/train.py configs/mmpareto_multiple_features.py
#
# MMPareto: multi-loss whose gradients are combined without conflict.
_base_ = ['./multi_loss_multiple_features.py', '_base_/methods/mmpareto.py']

model = dict(step=_base_.step)
