# python tools/train.py configs/ablations/udi_anchor_audio_av_digits.py
#
# UDI whose anchor is audio, whatever validation says.
_base_ = '../udi_av_digits.py'

train_cfg = dict(anchor='audio')
