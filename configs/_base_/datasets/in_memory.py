# Sets that lie in memory: workers would only copy the samples around, and a
# batch is cut out as a whole. A config that inherits from it names the data
# set, whose items need nothing but packing.
_base_ = './loaders.py'

loader = dict(
    num_workers=0, collate_fn=dict(type='mmbalance_plugin.collate_arrays'))
train_dataloader = loader
val_dataloader = loader
test_dataloader = loader
