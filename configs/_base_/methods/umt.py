# UMT: each modality alone first, then all together from the start once more,
# drawn to the features of those. The one classifier of joint.py is the sum of
# one for each modality, which can train alone.
summed_head = dict(type='mmbalance_plugin.SumHead')
student = dict(
    name='umt',
    init='scratch',
    objective=[
        dict(type='mmbalance_plugin.FusedLoss'),
        dict(type='mmbalance_plugin.UMTLoss', weight=10.0)
    ])
