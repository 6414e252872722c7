# python tools/train.py configs/tcmax_clips.py
#
# TCMax: the joint model, trained towards the dependence between the
# modalities and the class.
_base_ = ['./joint_clips.py', '_base_/methods/tcmax.py']

model = dict(objective=_base_.objective)
