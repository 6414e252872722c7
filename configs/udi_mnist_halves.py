# python tools/train.py configs/udi_mnist_halves.py
_base_ = ['_base_/sets/mnist_halves.py', '_base_/methods/udi.py']
