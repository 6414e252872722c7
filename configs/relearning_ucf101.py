# python tools/train.py configs/relearning_ucf101.py
#
# Diagnosing & Re-learning: joint training that now and then sets encoders
# back towards their initial weights.
_base_ = ['./joint_ucf101.py', '_base_/methods/relearning.py']

# The paper's values for UCF101.
custom_hooks = [dict(**_base_.relearning, lam=7, interval=20)]
