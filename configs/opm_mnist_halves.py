# python tools/train.py configs/opm_mnist_halves.py
_base_ = ['./joint_mnist_halves.py', '_base_/methods/opm.py']
model = dict(
    **_base_.opm,
    warmup_epochs=1,
    recognizer=_base_.model)
