# python tools/train.py configs/late_fusion_clips.py
#
# Decoupled late fusion: each modality alone, predictions combined at the end.
_base_ = ['_base_/sets/clips.py', '_base_/methods/late_fusion.py']

train_cfg = dict(stages=[dict(name=m, train=[m]) for m in _base_.modalities])
