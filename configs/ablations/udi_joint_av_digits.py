# python tools/train.py configs/ablations/udi_joint_av_digits.py
#
# UDI's two terms and their controller on a joint loss: nothing is frozen,
# and visual guides the others while all of them train on the fused prediction.
_base_ = [
    '../late_fusion_av_digits.py', '../_base_/methods/udi_joint.py'
]

train_cfg = dict(stages=[
    dict(
        name='joint',
        objective=[
            dict(type='mmbalance_plugin.FusedLoss'),
            dict(**_base_.guidance, anchor='visual', follower='audio')
        ])
])
