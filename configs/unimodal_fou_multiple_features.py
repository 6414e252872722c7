# python tools/train.py configs/unimodal_fou_multiple_features.py
#
# The fou view alone: what phase 1 of UDI trains, bit for bit.
_base_ = [
    '_base_/datasets/multiple_features.py',
    '_base_/models/multiple_features.py', '_base_/schedules/sgd_20e.py',
    '_base_/default_runtime.py'
]

only = dict(dataset=dict(modalities=('fou', )))
train_dataloader = only
val_dataloader = only
test_dataloader = only

model = dict(
    encoders=dict(_delete_=True, fou=_base_.encoders.fou),
    data_preprocessor=dict(preprocessors=dict(_delete_=True, fou=None)))

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[dict(name='fou', train=['fou'])])
