# python tools/train.py configs/ablations/udi_consistency_multiple_features.py
#
# UDI without the bound: what the consistency loss does alone.
_base_ = '../udi_multiple_features.py'

train_cfg = dict(
    complementarity=None,
    controller=dict(dynamic=False, start=dict(con=1.0, com=0.0)))
