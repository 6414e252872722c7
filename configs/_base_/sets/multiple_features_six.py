# Multiple Features, hard, of all six views.
_base_ = './multiple_features_hard.py'

modalities = tuple(_base_.views)
train_dataloader = dict(dataset=dict(modalities=modalities))
val_dataloader = test_dataloader = train_dataloader
model = dict(encoders=dict(_delete_=True, **_base_.encoders))
