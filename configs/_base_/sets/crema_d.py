# CREMA-D: six acted emotions, picture (flv) and sound (wav).
# python tools/prepare_data.py crema_d --source DIR checks what you have;
# docs/datasets/crema_d.md says where it comes from.
# With a cache: short_clips_cached.py. By the literature's random split, whose
# test actors are all in training as well: protocol='paper'.
_base_ = [
    '../datasets/short_clips.py',
    '../models/audio_visual_resnet18.py',
    '../schedules/sgd_100e.py',
    '../default_runtime.py'
]

num_classes = 6
dataset = dict(
    type='mmbalance_plugin.CremaDDataset',
    data_root='data/crema_d',
    protocol='fair')
train_dataloader = dict(dataset=dict(**dataset, split='train'))
val_dataloader = dict(dataset=dict(**dataset, split='val'))
test_dataloader = dict(dataset=dict(**dataset, split='test'))

model = dict(head=dict(num_classes=num_classes))
