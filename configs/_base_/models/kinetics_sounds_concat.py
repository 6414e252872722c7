# The features concatenated, with one classifier: what joint training, OGM and
# OPM share.
_base_ = './kinetics_sounds.py'

model = dict(
    head=dict(
        _delete_=True, type='mmbalance_plugin.ConcatHead', num_classes=31))
