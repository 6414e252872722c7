# python tools/train.py configs/opm_ogm_ge_kinetics_sounds.py
#
# OPM and OGM-GE together, each with its own schedule.
_base_ = [
    '_base_/datasets/kinetics_sounds.py',
    '_base_/models/kinetics_sounds_concat.py',
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
    # The authors give none for Kinetics-Sounds: their value for VGGSound.
    alpha=0.1,
    generalization_enhancement=True,
    start_epoch=0,
    end_epoch=50)

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[dict(name='joint', train='all', objective='fused')])
