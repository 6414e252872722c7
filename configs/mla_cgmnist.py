# python tools/train.py configs/mla_cgmnist.py
_base_ = ['_base_/sets/cgmnist.py', '_base_/methods/mla.py']
model = dict(
    head=dict(**_base_.shared_head, num_classes=_base_.num_classes),
    **_base_.mla)
