# python tools/train.py configs/ablations/udi_complementarity_av_digits.py
#
# UDI without consistency: what the bound does alone.
_base_ = '../udi_av_digits.py'

train_cfg = dict(
    consistency=None,
    controller=dict(dynamic=False, start=dict(con=0.0, com=1.0)))
