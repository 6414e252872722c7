# python tools/train.py configs/mlb_crema_d.py
#
# MLB: multi-loss whose modalities are brought to the same pace.
_base_ = ['./multi_loss_crema_d.py', '_base_/methods/mlb.py']

optim_wrapper = dict(**_base_.mlb)
