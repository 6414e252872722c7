# python tools/train.py configs/mlb_multiple_features_hard.py
_base_ = ['./multi_loss_multiple_features_hard.py', '_base_/methods/mlb.py']
optim_wrapper = dict(**_base_.mlb)
