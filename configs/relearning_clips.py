# python tools/train.py configs/relearning_clips.py
#
# Diagnosing & Re-learning: joint training that now and then sets encoders
# back towards their initial weights.
_base_ = ['./joint_clips.py', '_base_/methods/relearning.py']

custom_hooks = [dict(**_base_.relearning, lam=3, interval=20)]
