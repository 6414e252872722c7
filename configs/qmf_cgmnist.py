# python tools/train.py configs/qmf_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/qmf.py']
model = dict(
    head=dict(**_base_.confidence_head, num_classes=_base_.num_classes))
train_cfg = dict(stages=[dict(name='joint', objective=_base_.objective)])
