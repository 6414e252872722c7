# VGGSound: 309 sound events that are seen as well.
# python tools/prepare_data.py vggsound --source DIR checks what you have;
# docs/datasets/vggsound.md says where it comes from.
# With a cache: audio_visual_clips_cached.py.
_base_ = [
    '../datasets/audio_visual_clips.py',
    '../models/audio_visual_resnet18.py',
    '../schedules/sgd_100e.py',
    '../default_runtime.py'
]

num_classes = 309
dataset = dict(
    type='mmbalance_plugin.VGGSoundDataset',
    data_root='data/vggsound',
    protocol='fair')
train_dataloader = dict(dataset=dict(**dataset, split='train'))
val_dataloader = dict(dataset=dict(**dataset, split='val'))
test_dataloader = dict(dataset=dict(**dataset, split='test'))

model = dict(head=dict(num_classes=num_classes))
