# python tools/train.py configs/joint_vggsound.py
#
# Joint training: one network, one loss, features concatenated.
_base_ = [
    '_base_/datasets/vggsound.py', '_base_/models/vggsound.py',
    '_base_/schedules/sgd_100e.py', '_base_/default_runtime.py'
]

model = dict(
    head=dict(
        _delete_=True,
        type='mmbalance_plugin.ConcatHead',
        num_classes=309))

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[dict(name='joint', train='all', objective='fused')])
