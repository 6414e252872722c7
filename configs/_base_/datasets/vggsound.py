# VGGSound: 309 sound events that are seen as well.
# python tools/prepare_data.py vggsound --source DIR checks what you have;
# docs/datasets.md says where it comes from.
_base_ = './audio_visual_clips.py'

dataset = dict(
    type='mmbalance_plugin.VGGSoundDataset',
    data_root='data/vggsound',
    protocol='fair')
train_dataloader = dict(dataset=dict(**dataset, split='train'))
val_dataloader = dict(dataset=dict(**dataset, split='val'))
test_dataloader = dict(dataset=dict(**dataset, split='test'))
