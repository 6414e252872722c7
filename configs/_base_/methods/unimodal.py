# One modality alone: what phase 1 of UDI trains, bit for bit.
train_cfg = dict(
    type='mmbalance_plugin.StagedTrainLoop', stages=[dict(name='unimodal')])
