# python tools/train.py configs/relearning_multiple_features.py
#
# Diagnosing & Re-learning: joint training that now and then sets encoders
# back towards their initial weights.
_base_ = ['./joint_multiple_features.py', '_base_/methods/relearning.py']

# The paper diagnoses every 20 of 100 epochs, here there are 20.
custom_hooks = [dict(**_base_.relearning, lam=3, interval=4)]
