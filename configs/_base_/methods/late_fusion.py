# Decoupled late fusion: each modality alone, predictions combined at the end.
# A config that inherits from it lists the stages.
train_cfg = dict(type='mmbalance_plugin.StagedTrainLoop', stages=[])
