# CREMA-D: six acted emotions, picture (flv) and sound (wav).
# python tools/prepare_data.py crema_d --source DIR checks what you have;
# docs/datasets.md says where it comes from.
_base_ = './audio_visual_clips.py'

# As the literature has it: the first three seconds. The clips last two or
# three.
audio = [
    dict(
        type='mmbalance_plugin.PyAVAudioDecode',
        sample_rate=22050,
        duration=3.0,
        pad='repeat'),
    dict(type='mmbalance_plugin.LogSpectrogram')
]
train_pipeline = [
    dict(**_base_.both, visual=_base_.visual_train, audio=audio), _base_.pack
]
test_pipeline = [
    dict(**_base_.both, visual=_base_.visual_test, audio=audio), _base_.pack
]

# Another protocol: crema_d_paper.py.
dataset = dict(
    type='mmbalance_plugin.CremaDDataset',
    data_root='data/crema_d',
    protocol='fair')
train_dataloader = dict(
    dataset=dict(**dataset, split='train', pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(**dataset, split='val', pipeline=test_pipeline))
test_dataloader = dict(
    dataset=dict(**dataset, split='test', pipeline=test_pipeline))
