# python tools/train.py configs/mlb_htad.py
_base_ = ['./multi_loss_htad.py', '_base_/methods/mlb.py']
optim_wrapper = dict(**_base_.mlb)
