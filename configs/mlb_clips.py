# python tools/train.py configs/mlb_clips.py
#
# MLB: multi-loss whose modalities are brought to the same pace.
_base_ = ['./multi_loss_clips.py', '_base_/methods/mlb.py']

optim_wrapper = dict(**_base_.mlb)
