# MLA: each modality in turn is updated through one classifier that all share,
# whose gradient is kept off their mean features. At test time each sample is
# decided by how sure its modalities are.
train_cfg = dict(type='mmbalance_plugin.StagedTrainLoop')

shared_head = dict(_delete_=True, type='mmbalance_plugin.MLAHead')
mla = dict(step=dict(type='mmbalance_plugin.MLA'), objective='unimodal')
