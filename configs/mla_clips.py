# python tools/train.py configs/mla_clips.py
#
# MLA: modalities are trained in turns, through one classifier.
_base_ = ['_base_/sets/clips.py', '_base_/methods/mla.py']

model = dict(
    head=dict(**_base_.shared_head, num_classes=_base_.num_classes),
    **_base_.mla)
