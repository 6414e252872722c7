# CREMA-D by the literature's split, with a cache: both crema_d_paper.py and
# crema_d_cached.py.
_base_ = './crema_d_cached.py'

train_dataloader = dict(dataset=dict(protocol='paper'))
val_dataloader = dict(dataset=dict(protocol='paper'))
test_dataloader = dict(dataset=dict(protocol='paper'))
