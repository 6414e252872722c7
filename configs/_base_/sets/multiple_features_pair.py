# Multiple Features, hard, of two views that are equally strong.
_base_ = './multiple_features_hard.py'

modalities = ('fou', 'zer')
train_dataloader = dict(dataset=dict(modalities=modalities))
val_dataloader = test_dataloader = train_dataloader
model = dict(
    encoders=dict(
        _delete_=True, **{m: _base_.encoders[m]
                          for m in modalities}))
