# Multiple Features, hard: three weak views, 500 samples to train on, 400 to
# validate and 1,100 to test on.
_base_ = './multiple_features.py'
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))

modalities = ('fou', 'mor', 'zer')
dataset = dict(
    modalities=modalities, shares=dict(train=.25, val=.2, test=.55))
train_dataloader = dict(dataset=dataset)
val_dataloader = test_dataloader = train_dataloader
model = dict(
    encoders=dict(
        _delete_=True, **{m: _base_.encoders[m]
                          for m in modalities}))
