# python tools/train.py configs/cml_clips.py
#
# CML: the joint model, kept from being surer of fewer modalities than of all.
_base_ = ['./joint_clips.py', '_base_/methods/cml.py']

model = dict(objective=_base_.objective)
