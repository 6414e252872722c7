# python tools/train.py configs/udi_crema_d.py
#
# UDI: each modality alone, the best one frozen as the anchor, then the other
# trained once more as a follower under the anchor's guidance.
_base_ = ['_base_/sets/crema_d.py', '_base_/methods/udi.py']
