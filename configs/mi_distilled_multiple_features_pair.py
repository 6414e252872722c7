# python tools/train.py configs/mi_distilled_multiple_features_pair.py
_base_ = [
    './mi_balanced_multiple_features_pair.py', '_base_/methods/mi_distilled.py'
]
train_cfg = dict(stages=[
    dict(name='distilled', objective=_base_.teaching),
    dict(name='balanced', objective=_base_.objective)
])
