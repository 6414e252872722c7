# Clips with sound: what the sets of clips, and your own, have in common. A
# config that inherits from it names the data set; see docs/datasets.md.
# Three frames of a clip, and the log spectrogram (257 x 188) of the three
# seconds in the middle of its sound.
_base_ = './loaders.py'

modalities = ('audio', 'visual')
visual_train = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=3),
    dict(type='mmbalance_plugin.PyAVVideoDecode'),
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCHW')
]
visual_test = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(
        type='SampleFrames',
        clip_len=1,
        frame_interval=1,
        num_clips=3,
        test_mode=True),
    dict(type='mmbalance_plugin.PyAVVideoDecode'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='FormatShape', input_format='NCHW')
]
audio = [
    dict(
        type='mmbalance_plugin.PyAVAudioDecode',
        sample_rate=22050,
        duration=3.0,
        pad='repeat',
        crop='center'),
    dict(type='mmbalance_plugin.LogSpectrogram')
]
# A stage that trains one modality loads only that one.
both = dict(type='mmbalance_plugin.PerModality')
pack = dict(type='mmbalance_plugin.PackMultimodalInputs')
train_pipeline = [dict(**both, visual=visual_train, audio=audio), pack]
test_pipeline = [dict(**both, visual=visual_test, audio=audio), pack]

train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(num_workers=4, dataset=dict(pipeline=test_pipeline))
