# python tools/train.py configs/g_blend_ucf101.py
#
# G-Blending: multi-loss, weighted by how each head generalised when it was
# trained alone.
_base_ = ['./joint_ucf101.py', '_base_/methods/g_blend.py']

train_cfg = _base_.g_blend
