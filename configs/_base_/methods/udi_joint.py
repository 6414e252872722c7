# UDI's terms and their controller in joint training, where the only
# classification loss is the fused one. A config that inherits from it says who
# guides whom.
guidance = dict(
    type='mmbalance_plugin.AnchorGuidance',
    consistency=dict(type='mmbalance_plugin.JSDivergenceLoss'),
    complementarity=dict(type='mmbalance_plugin.CLUBLoss'),
    controller=dict(task='fused'))
