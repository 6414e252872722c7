# python tools/train.py configs/lfm_clips.py
#
# LFM: the joint model, trained first on matching the modalities' features,
# later on telling classes.
_base_ = ['./joint_clips.py', '_base_/methods/lfm.py']

model = dict(objective=_base_.objective)
