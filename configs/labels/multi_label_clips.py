# python tools/train.py configs/labels/multi_label_clips.py
#
# Joint training of clips that have any number of labels each: a probability
# for every label, and mAP. Other methods: docs/multi-label.md.
_base_ = '../joint_clips.py'

model = dict(head=dict(multi_class=True))
dataset = dict(multi_class=True)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
val_evaluator = dict(measures=['mAP'])
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='acc/mAP'))
