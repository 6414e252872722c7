# python tools/train.py configs/unimodal_visual_crema_d.py
#
# The visual branch alone: what phase 1 of UDI trains.
_base_ = [
    '_base_/datasets/crema_d.py', '_base_/models/crema_d.py',
    '_base_/schedules/sgd_100e.py', '_base_/default_runtime.py'
]

pack_visual = dict(
    type='mmbalance_plugin.PackMultimodalInputs', inputs=dict(visual='imgs'))
only = dict(streams=('video', ), pipeline=[*_base_.visual_test, pack_visual])
train_dataloader = dict(
    dataset=dict(
        streams=('video', ), pipeline=[*_base_.visual_train, pack_visual]))
val_dataloader = dict(dataset=only)
test_dataloader = dict(dataset=only)

model = dict(
    encoders=dict(_delete_=True, visual=_base_.encoders.visual),
    data_preprocessor=dict(
        preprocessors=dict(
            _delete_=True, visual=_base_.preprocessors.visual)))

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[dict(name='visual', train=['visual'])])
