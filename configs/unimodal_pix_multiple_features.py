# python tools/train.py configs/unimodal_pix_multiple_features.py
#
# The pix view alone: what phase 1 of UDI trains, bit for bit.
_base_ = [
    '_base_/datasets/multiple_features.py',
    '_base_/models/multiple_features.py', '_base_/schedules/sgd_20e.py',
    '_base_/default_runtime.py'
]

only = dict(dataset=dict(modalities=('pix', )))
train_dataloader = only
val_dataloader = only
test_dataloader = only

model = dict(
    encoders=dict(_delete_=True, pix=_base_.encoders.pix),
    data_preprocessor=dict(preprocessors=dict(_delete_=True, pix=None)))

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[dict(name='pix', train=['pix'])])
