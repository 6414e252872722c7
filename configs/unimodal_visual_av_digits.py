# python tools/train.py configs/unimodal_visual_av_digits.py
#
# The visual branch alone: what phase 1 of UDI trains, bit for bit.
_base_ = [
    '_base_/datasets/av_digits.py', '_base_/models/av_digits.py',
    '_base_/schedules/sgd_6e.py', '_base_/default_runtime.py'
]

only = dict(dataset=dict(modalities=('visual', )))
train_dataloader = only
val_dataloader = only
test_dataloader = only

model = dict(
    encoders=dict(_delete_=True, visual=_base_.encoder),
    data_preprocessor=dict(preprocessors=dict(_delete_=True, visual=None)))

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[dict(name='visual', train=['visual'])])
