# UDI: each modality alone, the best one frozen as the anchor, then the others
# trained once more as followers under the anchor's guidance.
train_cfg = dict(type='mmbalance_plugin.UDITrainLoop', preset='stable')

udi_tuning = [{
    'train_cfg.controller.dynamic': False
}, {
    'train_cfg.follower_start': 'unimodal'
}]
