# python tools/train.py configs/ogm_ge_crema_d.py
#
# OGM-GE: the gradient of the modality that is ahead is scaled down, and noise
# added.
_base_ = [
    '_base_/datasets/crema_d.py', '_base_/models/crema_d_concat.py',
    '_base_/schedules/sgd_100e.py', '_base_/default_runtime.py'
]

optim_wrapper = dict(
    type='mmbalance_plugin.OGMOptimWrapper',
    # The authors' value for CREMA-D.
    alpha=0.8,
    generalization_enhancement=True,
    start_epoch=0,
    end_epoch=50)

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[dict(name='joint', train='all', objective='fused')])
