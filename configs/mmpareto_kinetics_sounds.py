# python tools/train.py configs/mmpareto_kinetics_sounds.py
#
# MMPareto: multi-loss whose gradients are combined without conflict.
_base_ = ['./multi_loss_kinetics_sounds.py', '_base_/methods/mmpareto.py']

model = dict(step=_base_.step)
