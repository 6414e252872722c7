# python tools/train.py configs/opm_crema_d.py
#
# OPM: features of the modality that is ahead are dropped.
_base_ = './joint_crema_d.py'

model = dict(
    _delete_=True,
    type='mmbalance_plugin.OPM',
    q_base=0.5,
    warmup_epochs=6,
    recognizer=_base_.model)
