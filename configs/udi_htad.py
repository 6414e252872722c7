# python tools/train.py configs/udi_htad.py
_base_ = ['_base_/sets/htad.py', '_base_/methods/udi.py']
