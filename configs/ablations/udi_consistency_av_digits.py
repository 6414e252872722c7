# python tools/train.py configs/ablations/udi_consistency_av_digits.py
#
# UDI without the bound: what the consistency loss does alone.
_base_ = '../udi_av_digits.py'

train_cfg = dict(
    complementarity=None,
    controller=dict(dynamic=False, start=dict(con=1.0, com=0.0)))
