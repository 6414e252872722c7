# python tools/train.py configs/joint_av_digits.py
#
# Joint training: one network, one loss, features concatenated.
_base_ = [
    '_base_/datasets/av_digits.py', '_base_/models/av_digits.py',
    '_base_/schedules/sgd_6e.py', '_base_/default_runtime.py'
]

model = dict(
    head=dict(
        _delete_=True, type='mmbalance_plugin.ConcatHead', num_classes=10))

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[dict(name='joint', train='all', objective='fused')])
