# python tools/train.py configs/ablations/udi_noisy_multiple_features.py
#
# UDI with a noisy modality: fou alone is right in
# 40 % instead of 81 %.
_base_ = '../udi_multiple_features.py'

train_dataloader = dict(dataset=dict(noise_std=dict(fou=2.0)))
val_dataloader = test_dataloader = train_dataloader
