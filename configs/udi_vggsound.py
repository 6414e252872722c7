# python tools/train.py configs/udi_vggsound.py
#
# UDI: each modality alone, the best one frozen as the anchor, then the other
# trained once more as a follower under the anchor's guidance.
_base_ = [
    '_base_/datasets/vggsound.py', '_base_/models/vggsound.py',
    '_base_/schedules/sgd_100e.py', '_base_/default_runtime.py'
]

train_cfg = dict(
    type='mmbalance_plugin.UDITrainLoop',
    max_epochs=_base_.max_epochs,
    anchor='auto',
    consistency=dict(type='mmbalance_plugin.JSDivergenceLoss'),
    complementarity=dict(type='mmbalance_plugin.CLUBLoss'))
