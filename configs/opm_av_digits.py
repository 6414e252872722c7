# python tools/train.py configs/opm_av_digits.py
#
# OPM: features of the modality that is ahead are dropped.
_base_ = ['./joint_av_digits.py', '_base_/methods/opm.py']

model = dict(
    **_base_.opm,
    # The released code warms up for 6 of 100 epochs; here for one.
    warmup_epochs=1,
    recognizer=_base_.model)
