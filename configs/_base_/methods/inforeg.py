# InfoReg: while it learns fast, the modality that is ahead is pulled back to
# where the epoch began. Beside multi_loss.py.
inforeg = dict(
    type='mmbalance_plugin.GradientOptimWrapper',
    method=dict(type='mmbalance_plugin.InfoReg', beta=0.9, threshold=0.04))

inforeg_tuning = [{
    'optim_wrapper.method.beta': 0.5
}, {
    'optim_wrapper.method.beta': 0.95
}]
