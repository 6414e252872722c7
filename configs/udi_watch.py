# python tools/train.py configs/udi_watch.py
_base_ = ['_base_/sets/watch.py', '_base_/methods/udi.py']
