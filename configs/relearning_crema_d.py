# python tools/train.py configs/relearning_crema_d.py
#
# Diagnosing & Re-learning: joint training that now and then sets encoders
# back towards their initial weights.
_base_ = ['./joint_crema_d.py', '_base_/methods/relearning.py']

# The paper's values for CREMA-D.
custom_hooks = [dict(**_base_.relearning, lam=3, interval=20)]
