# python tools/train.py configs/mmpareto_htad.py
_base_ = ['./multi_loss_htad.py', '_base_/methods/mmpareto.py']
model = dict(step=_base_.step)
