# python tools/train.py configs/reconboost_multiple_features.py
#
# ReconBoost: late fusion whose modalities then take turns, each learning what
# the others do not know yet, with joint corrections between.
_base_ = ['_base_/sets/multiple_features.py', '_base_/methods/reconboost.py']

model = dict(head=dict(**_base_.sum_logits))
# The paper's turns and corrections are of 4 epochs; here there are 20 in all.
train_cfg = dict(turn_epochs=1, correction_epochs=1)
