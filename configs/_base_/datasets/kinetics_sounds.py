# Kinetics-Sounds: clips of Kinetics whose action is heard as well.
# python tools/prepare_data.py kinetics_sounds --source DIR checks what you
# have; docs/datasets.md says where it comes from.
# Prepared with --classes 34, it needs num_classes = 34 in the model's base.
protocol = 'fair'

# Three frames of a clip and the log spectrogram (257 x 188) of three seconds
# of its sound.
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
pack = [dict(type='mmbalance_plugin.PackMultimodalInputs')]

dataset = dict(
    type='mmbalance_plugin.KineticsSoundsDataset',
    data_root='data/kinetics_sounds',
    protocol=protocol)
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        **dataset, split='train', pipeline=[*visual_train, *audio, *pack]))
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **dataset,
        split='val',
        test_mode=True,
        pipeline=[*visual_test, *audio, *pack]))
test_dataloader = dict(
    batch_size=64,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **dataset,
        split='test',
        test_mode=True,
        pipeline=[*visual_test, *audio, *pack]))

val_evaluator = dict(type='mmbalance_plugin.MultimodalMetric')
test_evaluator = val_evaluator
