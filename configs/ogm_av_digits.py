# python tools/train.py configs/ogm_av_digits.py
#
# OGM: the gradient of the modality that is ahead is scaled down.
_base_ = './joint_av_digits.py'

optim_wrapper = dict(
    type='mmbalance_plugin.OGMOptimWrapper', alpha=0.3, end_epoch=None)
