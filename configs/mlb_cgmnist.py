# python tools/train.py configs/mlb_cgmnist.py
_base_ = ['./multi_loss_cgmnist.py', '_base_/methods/mlb.py']
optim_wrapper = dict(**_base_.mlb)
