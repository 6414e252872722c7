# OGM: the gradient of the modality that is ahead is scaled down, in the first
# half of the field's hundred epochs unless a config says otherwise.
ogm = dict(type='mmbalance_plugin.OGMOptimWrapper')

ogm_tuning = [{'optim_wrapper.alpha': 0.2}, {'optim_wrapper.alpha': 0.6}]
