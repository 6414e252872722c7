# After arXiv 2511.00987, both stages: the weaker modalities learn from the
# best one beside the labels, then all of them together.
teaching = [
    dict(
        type='mmbalance_plugin.BestTeacherLoss', lam=0.5, temperature=2.0)
]
