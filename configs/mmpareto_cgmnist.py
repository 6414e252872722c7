# python tools/train.py configs/mmpareto_cgmnist.py
_base_ = ['./multi_loss_cgmnist.py', '_base_/methods/mmpareto.py']
model = dict(step=_base_.step)
