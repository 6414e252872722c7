# python tools/train.py configs/mi_distilled_clips.py
#
# After arXiv 2511.00987, both stages: the modalities alone, the weaker ones
# taught by the best, then the joint model with balanced losses.
_base_ = ['./mi_balanced_clips.py', '_base_/methods/mi_distilled.py']

train_cfg = dict(stages=[
    dict(name='distilled', objective=_base_.teaching),
    dict(name='balanced', objective=_base_.objective)
])
