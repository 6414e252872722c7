# python tools/train.py configs/joint_kinetics_sounds.py
#
# Joint training: one network, one loss, features concatenated.
_base_ = [
    '_base_/datasets/kinetics_sounds.py',
    '_base_/models/kinetics_sounds_concat.py',
    '_base_/schedules/sgd_100e.py', '_base_/default_runtime.py'
]

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[dict(name='joint', train='all', objective='fused')])
