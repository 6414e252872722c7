# CGMNIST for as long as the field trains: 100 epochs of SGD, the learning rate
# divided by ten after seventy. For a card, with --amp.
_base_ = './cgmnist.py'
max_epochs = 100
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [dict(type='StepLR', step_size=70, gamma=0.1)]
