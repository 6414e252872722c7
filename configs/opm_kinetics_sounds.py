# python tools/train.py configs/opm_kinetics_sounds.py
#
# OPM: features of the modality that is ahead are dropped.
_base_ = ['./joint_kinetics_sounds.py', '_base_/methods/opm.py']

model = dict(**_base_.opm, warmup_epochs=6, recognizer=_base_.model)
