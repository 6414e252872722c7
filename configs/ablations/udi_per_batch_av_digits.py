# python tools/train.py configs/ablations/udi_per_batch_av_digits.py
#
# UDI whose weights follow every batch, not one of each epoch.
_base_ = '../udi_av_digits.py'

train_cfg = dict(controller=dict(every='batch'))
