# python tools/train.py configs/mmcosine_multiple_features_six.py
_base_ = ['./joint_multiple_features_six.py', '_base_/methods/mmcosine.py']
model = dict(head=dict(**_base_.cosine_head))
