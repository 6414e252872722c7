# G-Blending, the offline form: each modality alone and the fused prediction
# alone, then all of them together, weighted by how they generalised.
g_blend = dict(type='mmbalance_plugin.GBlendTrainLoop')
