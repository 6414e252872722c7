# python tools/train.py configs/udi_paper_kinetics_sounds.py
#
# UDI with the paper's recipe: ten seconds of sound as a spectrogram of
# 257 x 1004, and ten times the learning rate of udi_kinetics_sounds.py.
_base_ = './udi_kinetics_sounds.py'

optim_wrapper = dict(optimizer=dict(lr=1e-2))

audio = [
    dict(
        type='mmbalance_plugin.PyAVAudioDecode',
        sample_rate=16000,
        duration=10.0,
        pad='repeat',
        crop='start'),
    dict(
        type='mmbalance_plugin.LogSpectrogram', hop_length=159, center=False)
]
train_pipeline = [
    dict(**_base_.both, visual=_base_.visual_train, audio=audio), _base_.pack
]
test_pipeline = [
    dict(**_base_.both, visual=_base_.visual_test, audio=audio), _base_.pack
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
