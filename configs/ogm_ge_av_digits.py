# python tools/train.py configs/ogm_ge_av_digits.py
#
# OGM-GE: OGM with gradient noise.
_base_ = './joint_av_digits.py'

optim_wrapper = dict(
    type='mmbalance_plugin.OGMOptimWrapper',
    alpha=0.3,
    generalization_enhancement=True,
    end_epoch=None)
