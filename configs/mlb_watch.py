# python tools/train.py configs/mlb_watch.py
_base_ = ['./multi_loss_watch.py', '_base_/methods/mlb.py']
optim_wrapper = dict(**_base_.mlb)
