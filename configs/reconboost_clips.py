# python tools/train.py configs/reconboost_clips.py
#
# ReconBoost: late fusion whose modalities then take turns, each learning what
# the others do not know yet, with joint corrections between.
_base_ = ['_base_/sets/clips.py', '_base_/methods/reconboost.py']

model = dict(head=dict(**_base_.sum_logits))
