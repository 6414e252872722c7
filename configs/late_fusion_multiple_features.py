# python tools/train.py configs/late_fusion_multiple_features.py
#
# Decoupled late fusion: each view alone, predictions combined at the end.
_base_ = [
    '_base_/datasets/multiple_features.py',
    '_base_/models/multiple_features.py', '_base_/schedules/sgd_20e.py',
    '_base_/default_runtime.py'
]

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[
        dict(name='pix', train=['pix']),
        dict(name='fou', train=['fou']),
        dict(name='mor', train=['mor'])
    ])
