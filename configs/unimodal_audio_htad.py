# python tools/train.py configs/unimodal_audio_htad.py
_base_ = ['_base_/sets/htad.py', '_base_/methods/unimodal.py']
model = dict(encoders=dict(_delete_=True, audio=_base_.encoders.audio))
train_dataloader = dict(dataset=dict(modalities=('audio', )))
val_dataloader = test_dataloader = train_dataloader
