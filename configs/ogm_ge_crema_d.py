# python tools/train.py configs/ogm_ge_crema_d.py
#
# OGM-GE: the gradient of the modality that is ahead is scaled down, and noise
# added.
_base_ = './joint_crema_d.py'

optim_wrapper = dict(
    type='mmbalance_plugin.OGMOptimWrapper',
    # The authors' value for CREMA-D.
    alpha=0.8,
    generalization_enhancement=True,
    start_epoch=0,
    end_epoch=50)
