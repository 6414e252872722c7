# OPM: features of the modality that is ahead are dropped.
opm = dict(_delete_=True, type='mmbalance_plugin.OPM', q_base=0.5)

opm_tuning = [{'model.q_base': 0.25}, {'model.q_base': 0.75}]
