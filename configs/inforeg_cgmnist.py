# python tools/train.py configs/inforeg_cgmnist.py
_base_ = ['./multi_loss_cgmnist.py', '_base_/methods/inforeg.py']
optim_wrapper = dict(**_base_.inforeg)
