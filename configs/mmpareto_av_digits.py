# python tools/train.py configs/mmpareto_av_digits.py
#
# MMPareto: multi-loss whose gradients are combined without conflict.
_base_ = ['./multi_loss_av_digits.py', '_base_/methods/mmpareto.py']

model = dict(step=_base_.step)
