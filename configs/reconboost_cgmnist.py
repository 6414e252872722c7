# python tools/train.py configs/reconboost_cgmnist.py
_base_ = ['_base_/sets/cgmnist.py', '_base_/methods/reconboost.py']
model = dict(head=dict(**_base_.sum_logits))
train_cfg = dict(turn_epochs=1, correction_epochs=1)
