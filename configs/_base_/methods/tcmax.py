# TCMax: dependence between the modalities and the class is maximised by one
# loss in place of the fused one; nothing to choose.
objective = [dict(type='mmbalance_plugin.TCMaxLoss')]
