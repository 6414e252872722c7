# python tools/train.py configs/opm_kinetics_sounds.py
#
# OPM: features of the modality that is ahead are dropped.
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

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[dict(name='joint', train='all', objective='fused')])
