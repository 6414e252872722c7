# python tools/train.py configs/g_blend_clips.py
#
# G-Blending: multi-loss, weighted by how each head generalised when it was
# trained alone.
_base_ = ['./joint_clips.py', '_base_/methods/g_blend.py']

train_cfg = _base_.g_blend
