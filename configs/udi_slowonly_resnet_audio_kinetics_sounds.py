# python tools/train.py configs/udi_slowonly_resnet_audio_kinetics_sounds.py
#
# UDI with two of MMAction2's backbones: SlowOnly on clips of eight frames, and
# ResNetAudio on log-mel spectrograms. Both can start from pretrained
# weights: set the backbone's `pretrained`, e.g. 'torchvision://resnet50'.
_base_ = ['_base_/sets/kinetics_sounds.py', '_base_/methods/udi.py']

sample = dict(type='SampleFrames', clip_len=8, frame_interval=8, num_clips=1)
spatial_train = [
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5)
]
spatial_test = [dict(type='Resize', scale=(224, 224), keep_ratio=False)]
# The sound around the sampled frames: 80 mel bands, 257 windows.
audio_and_pack = [
    dict(type='FormatShape', input_format='NCTHW'),
    dict(
        type='mmbalance_plugin.PyAVAudioDecode',
        sample_rate=16000,
        duration=2.56,
        window='frames'),
    dict(type='mmbalance_plugin.LogMelSpectrogram', n_mels=80),
    dict(type='mmbalance_plugin.PackMultimodalInputs')
]
train_pipeline = [
    dict(type='mmbalance_plugin.PyAVVideoInit'), sample,
    dict(type='mmbalance_plugin.PyAVVideoDecode'), *spatial_train,
    *audio_and_pack
]
test_pipeline = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(**sample, test_mode=True),
    dict(type='mmbalance_plugin.PyAVVideoDecode'), *spatial_test,
    *audio_and_pack
]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=16, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=16, dataset=dict(pipeline=test_pipeline))

model = dict(
    encoders=dict(
        audio=dict(
            backbone=dict(
                _delete_=True,
                type='mmaction.ResNetAudio',
                depth=50,
                pretrained=None,
                in_channels=1,
                norm_eval=False),
            feat_channels=1024),
        visual=dict(
            backbone=dict(
                _delete_=True,
                type='mmaction.ResNet3dSlowOnly',
                depth=50,
                pretrained=None,
                lateral=False,
                conv1_kernel=(1, 7, 7),
                conv1_stride_t=1,
                pool1_stride_t=1,
                inflate=(0, 0, 1, 1),
                norm_eval=False),
            feat_channels=2048)))
