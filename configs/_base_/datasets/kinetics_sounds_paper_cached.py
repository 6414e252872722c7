# Kinetics-Sounds by the split of the imbalance papers, with a cache: both
# kinetics_sounds_paper.py and kinetics_sounds_cached.py.
_base_ = './kinetics_sounds_cached.py'

train_dataloader = dict(dataset=dict(protocol='paper'))
val_dataloader = dict(dataset=dict(protocol='paper'))
test_dataloader = dict(dataset=dict(protocol='paper'))
