# The field's recipe for clips: SGD from scratch, a hundred epochs, the
# learning rate divided by ten after seventy. Every stage starts anew.
max_epochs = 100

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=1e-4))

param_scheduler = [dict(type='StepLR', step_size=70, gamma=0.1)]

val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

auto_scale_lr = dict(enable=False, base_batch_size=64)
