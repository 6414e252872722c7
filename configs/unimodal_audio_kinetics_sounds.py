# python tools/train.py configs/unimodal_audio_kinetics_sounds.py
#
# The audio branch alone: what phase 1 of UDI trains.
_base_ = [
    '_base_/datasets/kinetics_sounds.py', '_base_/models/kinetics_sounds.py',
    '_base_/schedules/sgd_100e.py', '_base_/default_runtime.py'
]

pack_audio = dict(
    type='mmbalance_plugin.PackMultimodalInputs', inputs=dict(audio='audios'))
only = dict(streams=('audio', ), pipeline=[*_base_.audio, pack_audio])
train_dataloader = dict(
    dataset=dict(
        streams=('audio', ), pipeline=[*_base_.audio, pack_audio]))
val_dataloader = dict(dataset=only)
test_dataloader = dict(dataset=only)

model = dict(
    encoders=dict(_delete_=True, audio=_base_.encoders.audio),
    data_preprocessor=dict(
        preprocessors=dict(
            _delete_=True, audio=_base_.preprocessors.audio)))

train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    max_epochs=_base_.max_epochs,
    stages=[dict(name='audio', train=['audio'])])
