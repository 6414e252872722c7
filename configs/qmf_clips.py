# python tools/train.py configs/qmf_clips.py
#
# QMF: late fusion whose modalities count by how sure they are of each sample.
_base_ = ['./joint_clips.py', '_base_/methods/qmf.py']

model = dict(
    head=dict(**_base_.confidence_head, num_classes=_base_.num_classes))
train_cfg = dict(stages=[dict(name='joint', objective=_base_.objective)])
