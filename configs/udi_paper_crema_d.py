# python tools/train.py configs/udi_paper_crema_d.py
#
# UDI with the paper's recipe: two frames, a spectrogram of 257 x 299, and ten
# times the learning rate of udi_crema_d.py.
_base_ = './udi_crema_d.py'

optim_wrapper = dict(optimizer=dict(lr=1e-2))

sample = dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=2)
visual_train = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    sample,
    dict(type='mmbalance_plugin.PyAVVideoDecode'),
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCHW')
]
visual_test = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(**sample, test_mode=True),
    dict(type='mmbalance_plugin.PyAVVideoDecode'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='FormatShape', input_format='NCHW')
]
audio = [
    dict(
        type='mmbalance_plugin.PyAVAudioDecode',
        sample_rate=16000,
        duration=3.0,
        pad='repeat',
        crop='start'),
    dict(
        type='mmbalance_plugin.LogSpectrogram', hop_length=159, center=False)
]
train_pipeline = [
    dict(**_base_.both, visual=visual_train, audio=audio), _base_.pack
]
test_pipeline = [
    dict(**_base_.both, visual=visual_test, audio=audio), _base_.pack
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
