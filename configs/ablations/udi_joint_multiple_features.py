# python tools/train.py configs/ablations/udi_joint_multiple_features.py
#
# UDI's two terms and their controller on a joint loss: nothing is frozen,
# and pix guides the others while all of them train on the fused prediction.
_base_ = [
    '../late_fusion_multiple_features.py', '../_base_/methods/udi_joint.py'
]

train_cfg = dict(stages=[
    dict(
        name='joint',
        objective=[
            dict(type='mmbalance_plugin.FusedLoss'),
            dict(**_base_.guidance, anchor='pix', follower='fou'),
            dict(**_base_.guidance, anchor='pix', follower='mor')
        ])
])
