"""What is counted, and that it is counted once."""
import pytest
import torch
import torch.distributed as dist
from mmengine.runner import Runner
from torch import nn

from mmbalance_plugin.engine.hooks import SummaryHook
from mmbalance_plugin.engine.hooks.run_cost import EncoderTally, RunCost
from tests.dist_utils import run_ranks
from tests.engine.digits import digits_cfg, train
from tests.engine.hooks.summary_utils import summary_of

UDI = dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=2)


class Model(nn.Module):
    """Two encoders."""

    def __init__(self):
        super().__init__()
        self.encoders = nn.ModuleDict(
            dict(a=nn.Linear(2, 2), b=nn.Linear(2, 2)))


def test_every_pass_through_an_encoder_counts_until_the_hooks_are_off():
    encoders = Model().encoders
    tally = EncoderTally(encoders)
    encoders['a'](torch.zeros(3, 2))
    encoders['a'].eval()(torch.zeros(4, 2))
    assert tally.take() == dict(a=7, b=0)
    encoders['b'](torch.zeros(5, 2))
    assert tally.take() == dict(a=0, b=5)
    tally.remove()
    encoders['a'](torch.zeros(3, 2))
    assert tally.take() == dict(a=0, b=0)


def test_what_is_discarded_does_not_count():
    cost, model = RunCost(), Model()
    cost.start(model, lambda: None)
    model.encoders['a'](torch.zeros(3, 2))
    cost.keep()
    model.encoders['a'](torch.zeros(100, 2))
    cost.discard()
    model.encoders['a'](torch.zeros(4, 2))
    assert cost.state_dict()['samples'] == dict(a=7, b=0)
    assert cost.state_dict()['samples'] == dict(a=7, b=0)  # asking adds none
    cost.stop()
    model.encoders['a'](torch.zeros(4, 2))
    assert cost.report(model)['encoder_samples'] == dict(a=7, b=0)


@pytest.mark.parametrize('options, seen', [
    (dict(), dict(audio=2 * 192 + 2 * 192 + 32, visual=4 * 192 + 32)),
    (dict(controller=dict(dynamic=False)),
     dict(audio=2 * 192 + 2 * 192, visual=4 * 192)),
])
def test_without_a_cache_the_controller_runs_the_anchor_too(
        tmp_path, options, seen):
    loop = dict(UDI, anchor='audio', cache_anchor=False, **options)
    cost = summary_of(train(digits_cfg(tmp_path / 'run', loop)))['cost']
    assert cost['encoder_samples'] == seen


def plain_cfg(folder, epochs, ranks=1, by_epoch=True):
    """Three updates an epoch in MMEngine's own loop."""
    loop = dict(type='EpochBasedTrainLoop', max_epochs=epochs)
    if not by_epoch:
        loop = dict(
            type='IterBasedTrainLoop', max_iters=3 * epochs, val_interval=99)
    cfg = digits_cfg(
        folder,
        loop,
        head='ConcatHead',
        n_train=96,
        n_val=32,
        batch_size=32 // ranks)
    cfg.param_scheduler = None
    cfg.launcher = 'none' if ranks == 1 else 'pytorch'
    cfg.default_hooks.checkpoint.update(by_epoch=by_epoch, save_best=None)
    if not by_epoch:
        cfg.train_dataloader.sampler = dict(type='InfiniteSampler')
        cfg.default_hooks.checkpoint.interval = 2
    return cfg


def resumed_samples(folder, checkpoint, epochs):
    """A rank: resume, train on, and say what was counted."""
    cfg = plain_cfg(folder, epochs, dist.get_world_size())
    cfg.load_from, cfg.resume = checkpoint, True
    hooks = train(cfg).hooks
    return next(h.cost.samples for h in hooks if isinstance(h, SummaryHook))


def test_another_number_of_ranks_goes_on_from_the_same_total(tmp_path):
    train(plain_cfg(tmp_path / 'one', 1))
    counted, _ = run_ranks(resumed_samples, 2, str(tmp_path / 'two'),
                           str(tmp_path / 'one/epoch_1.pth'), 2)
    assert counted == dict(audio=2 * 96, visual=2 * 96)


def iteration_states(folder):
    """A rank of an iteration-based run: what its checkpoints hold."""
    train(plain_cfg(folder, 1, dist.get_world_size(), by_epoch=False))
    dist.barrier()
    return [
        torch.load(f'{folder}/iter_{i}.pth',
                   weights_only=True)['run_summary']['samples']
        for i in (2, 3)
    ]


def test_checkpoints_within_an_epoch_hold_what_all_ranks_saw(tmp_path):
    states, _ = run_ranks(iteration_states, 2, str(tmp_path / 'run'))
    assert states == [dict(audio=n, visual=n) for n in (64, 96)]


def test_validation_is_not_counted(tmp_path):
    cfg = plain_cfg(tmp_path / 'run', 2)
    cfg.train_cfg.val_interval = 1
    runner = Runner.from_cfg(cfg)
    runner.train()
    cost = summary_of(runner)['cost']
    assert cost['encoder_samples'] == dict(audio=192, visual=192)
