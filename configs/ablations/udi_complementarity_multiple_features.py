# python tools/train.py configs/ablations/udi_complementarity_multiple_features.py
#
# UDI without consistency: what the bound does alone.
_base_ = '../udi_multiple_features.py'

train_cfg = dict(
    consistency=None,
    controller=dict(dynamic=False, start=dict(con=0.0, com=1.0)))
