# UDI with the options of arXiv 2509.02281. Not the paper's, because its own do
# not stay finite: consistency is the mean over the batch, not the sum; the
# bound is taken on standardised features, as a mean over their dimensions, and
# has no gradient while it is not positive. Ours, because the paper is silent:
# Q has 64 hidden channels and Adam at 1e-3. Optimiser, epochs and data are
# those of the set; udi_paper_*.py has the paper's.
train_cfg = dict(type='mmbalance_plugin.UDITrainLoop', preset='paper')
sum_logits = dict(combine='sum_logits')
