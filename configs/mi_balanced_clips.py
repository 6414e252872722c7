# python tools/train.py configs/mi_balanced_clips.py
#
# After arXiv 2511.00987: the joint model, trained on the fused loss and on
# the modalities' own, weighted by F1 and mutual information on held-out
# samples.
_base_ = ['./joint_clips.py', '_base_/methods/mi_balanced.py']

train_cfg = dict(
    hold_out=0.1, stages=[dict(name='joint', objective=_base_.objective)])
