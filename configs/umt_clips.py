# python tools/train.py configs/umt_clips.py
#
# UMT: each modality alone, then the joint model, whose features are drawn to
# theirs.
_base_ = ['./joint_clips.py', '_base_/methods/umt.py']

model = dict(head=dict(**_base_.summed_head))
train_cfg = dict(stages=[
    *[dict(name=m, train=[m]) for m in _base_.modalities],
    dict(**_base_.student)
])
