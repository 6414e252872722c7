# python tools/train.py configs/pmr_clips.py
#
# PMR: the joint model, whose modalities that lag behind are pulled towards
# the class means of their features.
_base_ = ['./joint_clips.py', '_base_/methods/pmr.py']

train_cfg = dict(stages=[dict(name='joint', objective=_base_.pmr)])
