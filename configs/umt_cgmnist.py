# python tools/train.py configs/umt_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/umt.py']
model = dict(head=dict(**_base_.summed_head))
train_cfg = dict(stages=[
    *[dict(name=m, train=[m]) for m in _base_.modalities],
    dict(**_base_.student)
])
