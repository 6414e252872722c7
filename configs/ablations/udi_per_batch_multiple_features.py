# python tools/train.py configs/ablations/udi_per_batch_multiple_features.py
#
# UDI whose weights follow every batch, not one of each epoch.
_base_ = '../udi_multiple_features.py'

train_cfg = dict(controller=dict(every='batch'))
