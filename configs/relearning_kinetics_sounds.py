# python tools/train.py configs/relearning_kinetics_sounds.py
#
# Diagnosing & Re-learning: joint training that now and then sets encoders
# back towards their initial weights.
_base_ = ['./joint_kinetics_sounds.py', '_base_/methods/relearning.py']

# The paper's values for Kinetics-Sounds.
custom_hooks = [dict(**_base_.relearning, lam=7, interval=20)]
