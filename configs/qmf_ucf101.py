# python tools/train.py configs/qmf_ucf101.py
#
# QMF: late fusion whose modalities count by how sure they are of each sample.
_base_ = ['./joint_ucf101.py', '_base_/methods/qmf.py']

model = dict(
    head=dict(**_base_.confidence_head, num_classes=_base_.num_classes))
train_cfg = dict(stages=[dict(name='joint', objective=_base_.objective)])
