# python tools/train.py configs/udi_vggsound.py
#
# UDI: each modality alone, the best one frozen as the anchor, then the other
# trained once more as a follower under the anchor's guidance.
_base_ = ['_base_/sets/vggsound.py', '_base_/methods/udi.py']
