# python tools/train.py configs/udi_multiple_features.py
#
# UDI with three modalities: each view alone, the best one frozen as the
# anchor, then two followers, each guided by it with an estimator of its own.
_base_ = ['_base_/sets/multiple_features.py', '_base_/methods/udi.py']
