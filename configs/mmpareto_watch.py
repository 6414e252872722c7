# python tools/train.py configs/mmpareto_watch.py
_base_ = ['./multi_loss_watch.py', '_base_/methods/mmpareto.py']
model = dict(step=_base_.step)
