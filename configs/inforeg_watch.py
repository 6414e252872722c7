# python tools/train.py configs/inforeg_watch.py
_base_ = ['./multi_loss_watch.py', '_base_/methods/inforeg.py']
optim_wrapper = dict(**_base_.inforeg)
