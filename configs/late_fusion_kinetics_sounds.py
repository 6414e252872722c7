# python tools/train.py configs/late_fusion_kinetics_sounds.py
#
# Decoupled late fusion: each modality alone, predictions combined at the end.
_base_ = [
    '_base_/datasets/kinetics_sounds.py', '_base_/models/kinetics_sounds.py',
    '_base_/schedules/sgd_100e.py', '_base_/default_runtime.py'
]

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[
        dict(name='audio', train=['audio']),
        dict(name='visual', train=['visual'])
    ])
