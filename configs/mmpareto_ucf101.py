# python tools/train.py configs/mmpareto_ucf101.py
#
# MMPareto: multi-loss whose gradients are combined without conflict.
_base_ = ['./multi_loss_ucf101.py', '_base_/methods/mmpareto.py']

model = dict(step=_base_.step)
