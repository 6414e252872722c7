# CREMA-D by the literature's random split: all test actors are in training as
# well. Put it in the place of crema_d.py in a config's _base_.
# python tools/prepare_data.py crema_d --source DIR --split-csv DIR
_base_ = './crema_d.py'

train_dataloader = dict(dataset=dict(protocol='paper'))
val_dataloader = dict(dataset=dict(protocol='paper'))
test_dataloader = dict(dataset=dict(protocol='paper'))
