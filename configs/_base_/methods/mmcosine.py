# MMCosine: joint training whose logits are cosines. Instead of the one
# classifier of joint.py each modality has its own, without a bias.
cosine_head = dict(type='mmbalance_plugin.MMCosineHead')
