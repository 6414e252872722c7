# python tools/train.py configs/ogm_ge_kinetics_sounds.py
#
# OGM-GE: the gradient of the modality that is ahead is scaled down, and noise
# added.
_base_ = './joint_kinetics_sounds.py'

optim_wrapper = dict(
    type='mmbalance_plugin.OGMOptimWrapper',
    # The authors give none for Kinetics-Sounds: their value for VGGSound.
    alpha=0.1,
    generalization_enhancement=True,
    start_epoch=0,
    end_epoch=50)
