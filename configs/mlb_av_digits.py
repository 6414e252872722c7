# python tools/train.py configs/mlb_av_digits.py
#
# MLB: multi-loss whose modalities are brought to the same pace.
_base_ = ['./multi_loss_av_digits.py', '_base_/methods/mlb.py']

optim_wrapper = dict(**_base_.mlb)
