# python tools/train.py configs/g_blend_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/g_blend.py']
train_cfg = _base_.g_blend
