# python tools/train.py configs/udi_multiple_features_pair.py
_base_ = ['_base_/sets/multiple_features_pair.py', '_base_/methods/udi.py']
