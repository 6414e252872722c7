# Kinetics-Sounds by the split of the imbalance papers, 14,799 / 2,597 clips.
# Put it in the place of kinetics_sounds.py in a config's _base_.
# python tools/prepare_data.py kinetics_sounds --source DIR --annotations ...
# with their split files; docs/datasets.md says which.
_base_ = './kinetics_sounds.py'

train_dataloader = dict(dataset=dict(protocol='paper'))
val_dataloader = dict(dataset=dict(protocol='paper'))
test_dataloader = dict(dataset=dict(protocol='paper'))
