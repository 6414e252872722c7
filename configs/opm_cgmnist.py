# python tools/train.py configs/opm_cgmnist.py
_base_ = ['./joint_cgmnist.py', '_base_/methods/opm.py']
model = dict(
    **_base_.opm,
    warmup_epochs=1,
    recognizer=_base_.model)
