# python tools/train.py configs/mi_distilled_cgmnist.py
_base_ = ['./mi_balanced_cgmnist.py', '_base_/methods/mi_distilled.py']
train_cfg = dict(stages=[
    dict(name='distilled', objective=_base_.teaching),
    dict(name='balanced', objective=_base_.objective)
])
