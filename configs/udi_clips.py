# python tools/train.py configs/udi_clips.py
#
# UDI: each modality alone, the best one frozen as the anchor, then the other
# trained once more as a follower under the anchor's guidance.
_base_ = ['_base_/sets/clips.py', '_base_/methods/udi.py']
