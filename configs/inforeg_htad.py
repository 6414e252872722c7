# python tools/train.py configs/inforeg_htad.py
_base_ = ['./multi_loss_htad.py', '_base_/methods/inforeg.py']
optim_wrapper = dict(**_base_.inforeg)
