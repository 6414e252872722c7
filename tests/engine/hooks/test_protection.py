"""Runs that would replace another one, or go on with a finished one."""
import json
import os
import shutil

import pytest
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.runner import Runner

from mmbalance_plugin.utils.work_dir import FinishedRunError
from tests.engine.digits import assert_same, digits_cfg, train, weights


def cfg_of(folder, plain=False, epochs=2):
    loop = dict(max_epochs=epochs)
    if plain:
        loop['type'] = 'EpochBasedTrainLoop'
    return digits_cfg(folder, loop, head='ConcatHead', n_train=64, n_val=32)


class Stop(Hook):
    """Ends a run after its first epoch was validated."""

    priority = 'LOWEST'

    def after_val_epoch(self, runner, metrics=None):
        raise KeyboardInterrupt


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """Work dirs of a finished and of an interrupted run, not to be changed.
    """
    made = {}

    def get(finished, plain):
        if (finished, plain) not in made:
            folder = tmp_path_factory.mktemp('made') / 'run'
            runner = Runner.from_cfg(cfg_of(folder, plain))
            if finished:
                runner.train()
            else:
                runner.register_hook(Stop())
                with pytest.raises(KeyboardInterrupt):
                    runner.train()
            MessageHub._instance_dict.clear()
            made[finished, plain] = folder
        return made[finished, plain]

    return get


@pytest.fixture
def copy(folders, tmp_path):
    """A copy of such a work dir."""

    def copy(finished, plain):
        return shutil.copytree(
            folders(finished, plain), tmp_path / 'run', symlinks=True)

    return copy


def files(folder):
    return {
        name: (folder / name).read_bytes()
        for name in os.listdir(folder)
        if os.path.isfile(folder / name) and not name.endswith('.py')
    }


def log_of(runner):
    return open(runner.logger.handlers[-1].baseFilename).read()


@pytest.mark.parametrize('plain', [False, True])
def test_a_finished_run_is_not_replaced(copy, plain):
    folder = copy(True, plain)
    before = files(folder)
    with pytest.raises(FinishedRunError) as error:
        train(cfg_of(folder, plain))
    assert f'{folder} holds a finished run' in str(error.value)
    assert '--overwrite' in str(error.value)
    assert files(folder) == before


@pytest.mark.parametrize('plain', [False, True])
def test_it_is_where_the_config_says_so(copy, plain):
    folder = copy(True, plain)
    for name in ('epoch_9.pth', 'best_acc_top1_epoch_9.pth'):
        shutil.copy(folder / 'epoch_2.pth', folder / name)
    cfg = cfg_of(folder, plain, epochs=1)
    cfg.overwrite = True
    train(cfg)
    assert set(files(folder)) == {
        'epoch_1.pth', 'last_checkpoint', 'summary.json', 'predictions.npz',
        'best.pth', 'best_acc_top1_epoch_1.pth'}


def test_an_interrupted_replacement_is_not_taken_for_finished(copy):
    folder = copy(True, False)
    cfg = cfg_of(folder)
    cfg.overwrite = True
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Stop())
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    assert set(files(folder)) == {
        'epoch_1.pth', 'last_checkpoint', 'best_acc_top1_epoch_1.pth'}


@pytest.mark.parametrize('plain', [False, True])
def test_replacing_an_interrupted_run_is_told(copy, plain):
    folder = copy(False, plain)
    runner = Runner.from_cfg(cfg_of(folder, plain))
    seen = []

    class Watch(Hook):
        """What --resume would find before the first checkpoint."""

        def before_train_epoch(self, runner):
            seen.append((folder / 'last_checkpoint').exists())

    runner.register_hook(Watch())
    runner.train()
    assert seen[0] is False
    assert f'--resume {folder}/epoch_1.pth' in log_of(runner)


def test_a_finished_run_that_is_resumed_says_that_nothing_is_left(copy):
    """Its model is put together again, and the summary is the same."""
    folder = copy(True, False)
    before = json.loads((folder / 'summary.json').read_text())
    cfg = cfg_of(folder)
    cfg.resume = True
    runner = train(cfg)
    assert 'finished run with nothing left to train' in log_of(runner)
    after = json.loads((folder / 'summary.json').read_text())
    for summary in (before, after):
        for key in ('wall_seconds', 'peak_memory_bytes'):
            summary['cost'].pop(key)
        summary['stages'][0].pop('seconds')
    assert after == before


@pytest.mark.parametrize('plain, words', [
    (False, "stage 'joint': epochs: 2 before, 3 now"),
    (True, 'going on with it would replace'),
])
def test_more_epochs_for_a_finished_run_are_refused(copy, plain, words):
    folder = copy(True, plain)
    before = files(folder)
    cfg = cfg_of(folder, plain, epochs=3)
    cfg.resume = True
    with pytest.raises(ValueError, match=words):
        train(cfg)
    assert files(folder) == before


def test_a_loop_without_stages_goes_on_where_it_is_allowed_to(copy):
    folder = copy(True, True)
    cfg = cfg_of(folder, True, epochs=3)
    cfg.merge_from_dict(dict(resume=True, overwrite=True))
    runner = Runner.from_cfg(cfg)
    seen = []

    class Watch(Hook):
        """No name of what was selected stays while that is open again."""

        def before_train_epoch(self, runner):
            seen.extend(os.path.lexists(folder / name)
                        for name in ('summary.json', 'best.pth',
                                     'predictions.npz'))

    runner.register_hook(Watch())
    runner.train()
    assert runner.epoch == 3 and seen == 3 * [False]
    assert {'epoch_2.pth', 'best.pth'} <= set(files(folder))


def test_an_earlier_epoch_of_a_finished_run_is_not_gone_on_from(copy):
    folder = copy(True, False)
    before = files(folder)
    cfg = cfg_of(folder)
    cfg.merge_from_dict(
        dict(resume=True, load_from=str(folder / 'epoch_1.pth')))
    with pytest.raises(FinishedRunError, match='going on with it'):
        train(cfg)
    assert files(folder) == before


def test_a_run_into_an_empty_folder_says_nothing(tmp_path, folders):
    runner = train(cfg_of(tmp_path / 'run'))
    assert 'holds' not in log_of(runner)
    whole = train(cfg_of(tmp_path / 'other'))
    assert_same(weights(runner), weights(whole))
