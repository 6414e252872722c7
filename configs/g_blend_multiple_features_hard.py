# python tools/train.py configs/g_blend_multiple_features_hard.py
_base_ = ['./joint_multiple_features_hard.py', '_base_/methods/g_blend.py']
train_cfg = _base_.g_blend
