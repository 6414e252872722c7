# python tools/train.py configs/mi_balanced_vggsound.py
#
# After arXiv 2511.00987: the joint model, trained on the fused loss and on
# the modalities' own, weighted by F1 and mutual information on held-out
# samples.
_base_ = ['./joint_vggsound.py', '_base_/methods/mi_balanced.py']

model = dict(objective=_base_.objective)
train_cfg = _base_.calibrated
