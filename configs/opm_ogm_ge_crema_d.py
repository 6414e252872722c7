# python tools/train.py configs/opm_ogm_ge_crema_d.py
#
# OPM and OGM-GE together, each with its own schedule.
_base_ = [
    '_base_/datasets/crema_d.py', '_base_/models/crema_d_concat.py',
    '_base_/schedules/sgd_100e.py', '_base_/default_runtime.py'
]

model = dict(
    _delete_=True,
    type='mmbalance_plugin.OPM',
    q_base=0.5,
    warmup_epochs=6,
    recognizer=_base_.model)

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
