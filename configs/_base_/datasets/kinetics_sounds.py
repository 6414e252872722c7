# Kinetics-Sounds: clips of Kinetics whose action is heard as well.
# python tools/prepare_data.py kinetics_sounds --source DIR checks what you
# have; docs/datasets.md says where it comes from.
# Prepared with --classes 34, it needs num_classes = 34 in the model's base.
_base_ = './audio_visual_clips.py'

# Another protocol: kinetics_sounds_paper.py.
dataset = dict(
    type='mmbalance_plugin.KineticsSoundsDataset',
    data_root='data/kinetics_sounds',
    protocol='fair')
train_dataloader = dict(dataset=dict(**dataset, split='train'))
val_dataloader = dict(dataset=dict(**dataset, split='val'))
test_dataloader = dict(dataset=dict(**dataset, split='test'))
