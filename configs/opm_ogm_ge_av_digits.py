# python tools/train.py configs/opm_ogm_ge_av_digits.py
#
# OPM and OGM-GE together, each with its own schedule.
_base_ = './joint_av_digits.py'

model = dict(
    _delete_=True,
    type='mmbalance_plugin.OPM',
    q_base=0.5,
    # The released code warms up for 6 of 100 epochs; here for one.
    warmup_epochs=1,
    recognizer=_base_.model)

optim_wrapper = dict(
    type='mmbalance_plugin.OGMOptimWrapper',
    alpha=0.3,
    generalization_enhancement=True,
    end_epoch=None)
