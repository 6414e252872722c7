# python tools/train.py configs/ablations/udi_label_smoothing_multiple_features.py
#
# UDI's followers with label smoothing by 0.1 instead of guidance: what they
# gain so is calibration, as they learn nothing of the anchor.
_base_ = '../udi_multiple_features.py'

train_cfg = dict(
    consistency=dict(type='mmbalance_plugin.LabelSmoothingLoss'),
    complementarity=None,
    controller=dict(dynamic=False, start=dict(con=1 / 9, com=0.0)))
