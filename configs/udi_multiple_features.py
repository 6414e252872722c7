# python tools/train.py configs/udi_multiple_features.py
#
# UDI with three modalities: each view alone, the best one frozen as the
# anchor, then two followers, each guided by it with an estimator of its own.
_base_ = [
    '_base_/datasets/multiple_features.py',
    '_base_/models/multiple_features.py', '_base_/schedules/sgd_20e.py',
    '_base_/default_runtime.py'
]

train_cfg = dict(
    type='mmbalance_plugin.UDITrainLoop',
    max_epochs=_base_.max_epochs,
    anchor='auto',
    consistency=dict(type='mmbalance_plugin.JSDivergenceLoss'),
    complementarity=dict(type='mmbalance_plugin.CLUBLoss'))
