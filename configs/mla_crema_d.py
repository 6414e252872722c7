# python tools/train.py configs/mla_crema_d.py
#
# MLA: modalities are trained in turns, through one classifier.
_base_ = ['_base_/sets/crema_d.py', '_base_/methods/mla.py']

model = dict(
    head=dict(**_base_.shared_head, num_classes=_base_.num_classes),
    **_base_.mla)
