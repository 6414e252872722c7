"""A run that is resumed with another config than it was started with."""
import shutil
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.runner import Runner

from mmbalance_plugin.engine.loops import run_settings
from mmbalance_plugin.engine.loops.run_settings import changes
from tests.engine.digits import assert_same, digits_cfg, train, weights

SMALL = dict(n_train=64, n_val=32)


# ---- what is written down --------------------------------------------------
class Loader:
    """Of two batches."""

    def __init__(self, batch_size):
        self.batch_size = batch_size

    def __len__(self):
        return 2


def settings_of(cfg, batch=32, ranks=1, monkeypatch=None):
    if monkeypatch:
        monkeypatch.setattr(run_settings, 'get_world_size', lambda: ranks)
    return run_settings.run_settings(SimpleNamespace(cfg=cfg), Loader(batch))


def test_every_setting_by_its_name():
    got = settings_of(
        dict(
            model=dict(type='A', sizes=(1, 2), parts=[dict(b=1.), dict()]),
            train_cfg=dict(max_epochs=3, stages=[dict(name='a')], anchor='x'),
            custom_hooks=[dict(type='Free')]))
    assert got == {
        'processes': '1', 'batches per epoch': '2', 'samples per step': '32',
        'model.type': "'A'", 'model.sizes': '[1, 2]',
        'model.parts[0].b': '1.0', 'model.parts[1]': '{}',
        'train_cfg.anchor': "'x'"}


def test_a_list_is_a_tuple_and_long_values_differ_all_the_same():
    pair = dict(model=dict(a=[1])), dict(model=dict(a=(1, )))
    assert not changes(*map(settings_of, pair))
    pair = [dict(model=dict(a=[*range(999), last])) for last in (1, 2)]
    change, = changes(*map(settings_of, pair)).values()
    assert len(change) < 280


def test_objects_are_named_without_their_address():
    got = settings_of(dict(model=dict(a=torch.nn.ReLU, b=print)))
    assert got['model.a'] == 'torch.nn.modules.activation.ReLU'
    assert got['model.b'] == 'builtins.print'


def test_what_matters_of_ranks_is_the_global_batch(monkeypatch):
    one = settings_of({}, 32, 1, monkeypatch)
    two = changes(one, settings_of({}, 16, 2, monkeypatch))
    assert list(two.values()) == ['processes: 1 before, 2 now']
    assert 'samples per step: 32 before, 64 now' in changes(
        one, settings_of({}, 32, 2, monkeypatch)).values()


# ---- what a resumed run does with it ---------------------------------------
class Stop(Hook):
    """Ends a run where an epoch's checkpoint has been written."""

    priority = 'LOWEST'

    def __init__(self, epoch):
        self.epoch = epoch

    def after_train_epoch(self, runner):
        if runner.epoch + 1 == self.epoch:
            raise KeyboardInterrupt


def two_stages(folder):
    stages = [dict(name='first', epochs=2), dict(name='second', epochs=1)]
    return digits_cfg(folder, dict(max_epochs=9, stages=stages),
                      head='ConcatHead', **SMALL)


def udi(folder):
    loop = dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=1,
                follower_epochs=2, anchor='visual')
    return digits_cfg(folder, loop, **SMALL)


@pytest.fixture(scope='module')
def interrupted(tmp_path_factory):
    """Work dirs of runs that were stopped, made once, not to be changed."""
    folders = {}

    def get(make, epoch):
        if (make, epoch) not in folders:
            folder = tmp_path_factory.mktemp('run') / 'run'
            runner = Runner.from_cfg(make(folder))
            runner.register_hook(Stop(epoch))
            with pytest.raises(KeyboardInterrupt):
                runner.train()
            MessageHub._instance_dict.clear()
            folders[make, epoch] = folder
        return folders[make, epoch]

    return get


@pytest.fixture
def resume(interrupted, tmp_path):

    def resume(make, epoch, changed):
        shutil.copytree(interrupted(make, epoch), tmp_path / 'run')
        cfg = make(tmp_path / 'run')
        cfg.resume = True
        cfg.merge_from_dict(changed)
        runner = Runner.from_cfg(cfg)
        runner.train()
        return runner, open(runner.logger.handlers[-1].baseFilename).read()

    return resume


FIRST, SECOND = (two_stages, 1), (two_stages, 3)
ALONE, FOLLOWER = (udi, 1), (udi, 3)


@pytest.mark.parametrize('run, changed, line', [
    (FIRST, {'train_cfg.stages.0.epochs': 5},
     "stage 'first': epochs: 2 before, 5 now"),
    (SECOND, {'train_cfg.stages.0.epochs': 5},
     "stage 'first': epochs: 2 before, 5 now"),
    (FIRST, {'train_cfg.stages.1.init': 'scratch'},
     "stage 'second': init: 'keep' before, 'scratch' now"),
    (FIRST, {'train_cfg.stages.0.early_stopping': dict(patience=3)},
     "stage 'first': early_stopping.patience: unset before, 3 now"),
    (FIRST, {'train_dataloader.batch_size': 16},
     'samples per step: 32 before, 16 now'),
    (FIRST, {'train_dataloader.dataset.n_pairs': 96},
     'batches per epoch: 2 before, 3 now'),
    (FIRST, {'optim_wrapper.optimizer.lr': .1},
     'optim_wrapper.optimizer.lr: 0.05 before, 0.1 now'),
    (FIRST, {'optim_wrapper.accumulative_counts': 2},
     'optim_wrapper.accumulative_counts: unset before, 2 now'),
    (FIRST, {'param_scheduler': [dict(type='MultiStepLR', milestones=[1])]},
     "param_scheduler[0].type: 'CosineAnnealingLR' before, 'MultiStepLR' now"),
    (FIRST, {'model.head.num_classes': 11},
     'head.fc.bias: (10,) in the file, (11,) in the model'),
    (FIRST, {'model.encoders.audio.pool': 'max'},
     "model.encoders.audio.pool: unset before, 'max' now"),
    (FOLLOWER, {'train_cfg.anchor': 'audio'},
     "train_cfg.anchor: 'visual' before, 'audio' now"),
    (FOLLOWER, {'train_cfg.consistency': None},
     "stage 'follower_audio': objective[1].consistency.type: "
     "'mmbalance_plugin.JSDivergenceLoss' before, unset now"),
    (FOLLOWER, {'train_cfg.controller': dict(dynamic=False)},
     "stage 'follower_audio': objective[1].controller.dynamic: unset "
     'before, False now'),
    (FOLLOWER, {'train_cfg.follower_epochs': 4},
     "stage 'follower_audio': epochs: 2 before, 4 now"),
    (ALONE, {'train_cfg.follower_start': 'unimodal'},
     "stage 'follower_1': init: 'scratch' before, 'keep' now"),
])
def test_what_cannot_be_mixed_is_refused(resume, run, changed, line):
    with pytest.raises(ValueError) as error:
        resume(*run, changed)
    assert 'cannot resume' in str(error.value)
    assert line in str(error.value).split('\n  ') or \
        line in str(error.value)
    assert 'load_from' in str(error.value)


@pytest.mark.parametrize('run, changed, line', [
    (FIRST, {'train_cfg.stages.1.epochs': 2},
     "stage 'second': epochs: 1 before, 2 now"),
    (FIRST, {'val_dataloader.batch_size': 8},
     'val_dataloader.batch_size: 32 before, 8 now'),
    (FIRST, {'train_dataloader.persistent_workers': False},
     'train_dataloader.persistent_workers: unset before, False now'),
    (ALONE, {'train_cfg.anchor': 'audio', 'train_cfg.consistency': None},
     "train_cfg.anchor: 'visual' before, 'audio' now"),
    (FOLLOWER, {'train_cfg.anchor': 'auto'},
     "train_cfg.anchor: 'visual' before, 'auto' now"),
    (FOLLOWER, {'train_cfg.cache_anchor': False},
     'train_cfg.cache_anchor: unset before, False now'),
])
def test_what_can_be_mixed_is_told(resume, run, changed, line):
    runner, log = resume(*run, changed)
    assert f'resumed with a change: {line}' in log
    loop = runner.train_loop
    assert [r['epochs'] for r in loop.records] == [
        stage.epochs for stage in loop.stages]
    if 'train_cfg.anchor' in changed and run == ALONE:
        assert loop.summary()['anchor'] == 'audio'


def test_the_same_config_is_not_talked_about(resume):
    _, log = resume(*FIRST, {})
    assert 'resumed with a change' not in log


def test_another_data_folder_is_no_other_run(resume, tmp_path):
    from tests.engine.digits import DATA
    (tmp_path / 'data').symlink_to(DATA)
    _, log = resume(*FIRST, {
        f'{split}_dataloader.dataset.data_root':
        str(tmp_path / 'data/av_digits') for split in ('train', 'val', 'test')
    })
    assert log.count('dataset.data_root') >= 3


# ---- what is in the file ---------------------------------------------------
def test_a_finished_run_whose_last_stage_has_parameter_groups(tmp_path):
    """Its optimiser state would fit no other stage; nothing needs it."""

    def make():
        groups = dict(paramwise_cfg=dict(
            custom_keys={'encoders.audio': dict(lr_mult=.5)}))
        cfg = digits_cfg(
            tmp_path / 'run',
            dict(max_epochs=1, stages=[
                dict(name=m, train=[m], optim_wrapper=groups)
                for m in ('audio', 'visual')]), **SMALL)
        return cfg

    first = train(make())
    MessageHub._instance_dict.clear()
    cfg = make()
    cfg.resume = True
    again = train(cfg)
    assert again.train_loop.records == first.train_loop.records
    assert_same(weights(again), weights(first))


def test_a_file_without_optimiser_is_not_resumed(tmp_path):
    train(digits_cfg(tmp_path / 'run', dict(max_epochs=1), **SMALL))
    cfg = digits_cfg(tmp_path / 'run', dict(max_epochs=1), **SMALL)
    cfg.load_from = str(tmp_path / 'run/best_acc_top1_epoch_1.pth')
    cfg.resume = True
    with pytest.raises(ValueError, match='no optimizer .*best_'):
        train(cfg)


def test_other_modalities_are_refused_by_name(resume):
    """UDI cannot even name its followers then."""
    cfg = udi('unused')
    encoders = dict(cfg.model.encoders.to_dict())
    encoders['pix'] = encoders.pop('visual')
    with pytest.raises(ValueError, match='unimodal_pix(.|\n)*encoders.pix'):
        resume(*FOLLOWER, {
            'model.encoders': dict(_delete_=True, **encoders),
            'model.data_preprocessor': None,
            'train_cfg.anchor': 'pix'})
