# Kinetics-Sounds: clips of Kinetics whose action is heard as well.
# python tools/prepare_data.py kinetics_sounds --source DIR checks what you
# have; docs/datasets/kinetics_sounds.md says where it comes from. Prepared
# with --classes 34, it has 34.
# With a cache: audio_visual_clips_cached.py. By the split of the imbalance
# papers, 14,799 / 2,597 clips: protocol='paper'.
_base_ = [
    '../datasets/audio_visual_clips.py',
    '../models/audio_visual_resnet18.py',
    '../schedules/sgd_100e.py',
    '../default_runtime.py'
]

num_classes = 31
dataset = dict(
    type='mmbalance_plugin.KineticsSoundsDataset',
    data_root='data/kinetics_sounds',
    protocol='fair')
train_dataloader = dict(dataset=dict(**dataset, split='train'))
val_dataloader = dict(dataset=dict(**dataset, split='val'))
test_dataloader = dict(dataset=dict(**dataset, split='test'))

model = dict(head=dict(num_classes=num_classes))
