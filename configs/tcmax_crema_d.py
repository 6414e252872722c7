# python tools/train.py configs/tcmax_crema_d.py
#
# TCMax: the joint model, trained towards the dependence between the
# modalities and the class.
_base_ = ['./joint_crema_d.py', '_base_/methods/tcmax.py']

model = dict(objective=_base_.objective)
