# python tools/train.py configs/inforeg_clips.py
#
# InfoReg: multi-loss, what is ahead held back while it learns fast.
_base_ = ['./multi_loss_clips.py', '_base_/methods/inforeg.py']

optim_wrapper = dict(**_base_.inforeg)
