# python tools/train.py configs/late_fusion_cgmnist_full.py
_base_ = ['_base_/sets/cgmnist_full.py', '_base_/methods/late_fusion.py']
train_cfg = dict(stages=[dict(name=m, train=[m]) for m in _base_.modalities])
