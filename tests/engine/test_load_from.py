"""Weights from a file: they fit, or nothing is trained or overwritten."""
import json
import shutil

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmbalance_plugin.utils.fit import CheckpointMismatchError
from tests.engine import digits
from tests.engine.digits import digits_cfg, train

SMALL = dict(n_train=64, n_val=32)


def cfg_of(folder, classes=10, plain=False, **kwargs):
    cfg = digits_cfg(folder, dict(max_epochs=1), **SMALL, **kwargs)
    cfg.model.head.num_classes = classes
    if plain:
        cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
    return cfg


def state_of(folder):
    """Every file below a folder but logs, with its content."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.suffix != '.py'
    }


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Work dir of a run with ten classes, to be left alone."""
    folder = tmp_path_factory.mktemp('trained') / 'run'
    train(cfg_of(folder))
    return folder


@pytest.mark.parametrize('plain', [False, True])
@pytest.mark.parametrize('entry', ['train', 'val', 'test'])
def test_load_from_refuses_what_does_not_fit(tmp_path, trained, entry, plain):
    cfg = cfg_of(tmp_path / 'run', classes=7, plain=plain)
    cfg.load_from = str(trained / 'epoch_1.pth')
    runner = Runner.from_cfg(cfg)
    with pytest.raises(CheckpointMismatchError) as error:
        getattr(runner, entry)()
    assert 'epoch_1.pth does not fit the model' in str(error.value)
    assert 'head.branches.audio.weight: (10, 16) in the file, (7, 16) in ' \
        'the model' in str(error.value)
    assert state_of(tmp_path / 'run') == {}


@pytest.mark.parametrize('plain', [False, True])
def test_missing_weights_are_refused(tmp_path, trained, plain):
    saved = torch.load(trained / 'epoch_1.pth')
    weights = saved['state_dict']
    for key in [k for k in weights if k.startswith('encoders.audio')]:
        del weights[key]
    torch.save(dict(state_dict=weights), tmp_path / 'part.pth')
    cfg = cfg_of(tmp_path / 'run', plain=plain)
    cfg.load_from = str(tmp_path / 'part.pth')
    with pytest.raises(CheckpointMismatchError, match='missing:\n.*audio'):
        train(cfg)


@pytest.mark.parametrize('plain', [False, True])
def test_a_resume_is_never_partial(tmp_path, trained, plain):
    """Whatever the config says of load_from."""
    cfg = cfg_of(tmp_path / 'run', plain=plain)
    if plain:
        train(cfg)
    else:
        shutil.copytree(trained, tmp_path / 'run')
    before = state_of(tmp_path / 'run')
    cfg = cfg_of(tmp_path / 'run', classes=7, plain=plain)
    cfg.merge_from_dict(dict(resume=True, load_strict=False))
    with pytest.raises(ValueError) as error:
        train(cfg)
    assert 'head.branches.audio.weight: (10, 16) in the file, (7, 16) in ' \
        'the model' in str(error.value)
    assert state_of(tmp_path / 'run') == before


def test_the_config_may_ask_for_a_partial_load(tmp_path, trained):
    cfg = cfg_of(tmp_path / 'run', classes=7)
    cfg.merge_from_dict(
        dict(load_from=str(trained / 'epoch_1.pth'), load_strict=False))
    runner = Runner.from_cfg(cfg)
    runner.load_or_resume()
    weights = torch.load(trained / 'epoch_1.pth')['state_dict']
    mine = digits.weights(runner)
    fitting = [k for k in mine if mine[k].shape == weights[k].shape]
    assert len(mine) - len(fitting) == 4
    assert all(torch.equal(mine[k], weights[k]) for k in fitting)
    # told in the log file, not on the screen alone
    log = open(runner.logger.handlers[-1].baseFilename).read()
    assert 'size mismatch for head.branches.audio.weight' in log


def test_more_than_the_model_has_is_no_misfit(tmp_path, trained):
    cfg = cfg_of(tmp_path / 'run', modalities=('visual', ))
    cfg.load_from = str(trained / 'epoch_1.pth')
    runner = train(cfg)
    with open(tmp_path / 'run/summary.json') as file:
        assert json.load(file)['test']
    assert set(digits.weights(runner)) < set(
        torch.load(trained / 'epoch_1.pth')['state_dict'])


def test_renamed_keys_are_judged_by_their_new_names(tmp_path, trained):
    saved = torch.load(trained / 'epoch_1.pth')['state_dict']
    path = str(tmp_path / 'renamed.pth')
    torch.save({f'module.net.{k}': v for k, v in saved.items()}, path)
    runner = Runner.from_cfg(cfg_of(tmp_path / 'run'))
    with pytest.raises(CheckpointMismatchError, match='missing'):
        runner.load_checkpoint(path)
    runner.load_checkpoint(path, revise_keys=[(r'^module\.', ''),
                                              (r'^net\.', '')])
    digits.assert_same(digits.weights(runner), dict(saved))


def test_a_model_of_mmengine_is_left_to_mmengine(tmp_path):
    """Unless the tools ask for more."""
    from tests.engine.toy_run import toy_runner
    torch.save(dict(other=torch.ones(1)), tmp_path / 'a.pth')
    hook = dict(type='CheckpointHook')

    def runner(**kwargs):
        return toy_runner(tmp_path / 'run', hook, [], **kwargs)

    runner().load_checkpoint(str(tmp_path / 'a.pth'))
    asked = runner()
    asked.cfg.load_strict = True
    with pytest.raises(CheckpointMismatchError, match='linear.weight'):
        asked.load_checkpoint(str(tmp_path / 'a.pth'))


# ---- they are the run's initial weights ------------------------------------
UDI = dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=1,
           anchor='visual')
ALONE = [dict(name=m, train=[m]) for m in digits.MODALITIES]


@pytest.fixture(scope='module')
def start(trained, tmp_path_factory):
    """Weights that no seed gives, the fused model of another run."""
    path = tmp_path_factory.mktemp('start') / 'start.pth'
    shutil.copy(trained / 'epoch_1.pth', path)
    return str(path)


def test_udi_without_terms_is_late_fusion_from_the_same_file(tmp_path, start):
    late = digits_cfg(
        tmp_path / 'late', dict(max_epochs=1, stages=ALONE), load_from=start,
        **SMALL)
    alone = dict(UDI, consistency=None, complementarity=None)
    udi = digits_cfg(tmp_path / 'udi', alone, load_from=start, **SMALL)
    late, udi = train(late), train(udi)
    digits.assert_same(digits.weights(udi), digits.weights(late))
    results = [json.loads((tmp_path / name / 'summary.json').read_text())
               for name in ('late', 'udi')]
    assert results[0]['test'] == results[1]['test']
    # and it did start from the file
    other = train(digits_cfg(
        tmp_path / 'other', dict(max_epochs=1, stages=ALONE), **SMALL))
    assert not torch.equal(
        *(digits.weights(r, 'head.branches.audio.weight').popitem()[1]
          for r in (other, late)))


@pytest.mark.parametrize('head, loaded', [
    ('ConcatHead', False), ('ConcatHead', True), ('DecisionHead', False)])
def test_scratch_undoes_all_that_the_stage_trains(tmp_path, head, loaded):
    """The second stage is the first one once more, head included."""
    stages = [dict(name='first'), dict(name='again', init='scratch')]
    cfg = digits_cfg(
        tmp_path / 'run', dict(max_epochs=1, stages=stages), head=head,
        **SMALL)
    once = digits_cfg(tmp_path / 'once', dict(max_epochs=1), head=head,
                      **SMALL)
    if loaded:
        torch.manual_seed(123)
        weights = Runner.from_cfg(once.copy()).model.state_dict()
        path = str(tmp_path / 'start.pth')
        torch.save({k: torch.rand_like(v) if v.is_floating_point() else v
                    for k, v in weights.items()}, path)
        cfg.load_from = once.load_from = path
    digits.assert_same(
        digits.weights(train(cfg)), digits.weights(train(once)))


class Halve(Hook):
    """Changes the weights of a file on their way into the model."""

    def after_load_checkpoint(self, runner, checkpoint):
        for value in checkpoint['state_dict'].values():
            if value.is_floating_point():
                value.mul_(.5)


def test_renamed_and_changed_on_the_way_they_are_the_initial_weights(
        tmp_path, start):
    """revise_keys and hooks: the file alone would not give them again."""
    path = str(tmp_path / 'renamed.pth')
    weights = torch.load(start)['state_dict']
    torch.save(dict(state_dict={f'net.{k}': v for k, v in weights.items()}),
               path)
    results = []
    for stages in (['first'], ['first', 'again']):
        loop = dict(max_epochs=1, stages=[
            dict(name=name, init='scratch') for name in stages])
        runner = Runner.from_cfg(
            digits_cfg(tmp_path / stages[-1], loop, **SMALL))
        runner.register_hook(Halve())
        runner.load_checkpoint(path, revise_keys=[(r'^net\.', '')])
        runner.train()
        results.append(digits.weights(runner))
    digits.assert_same(*results)


def test_scratch_needs_a_model_that_can_be_built_anew(tmp_path):
    cfg = digits_cfg(
        tmp_path / 'run',
        dict(stages=[dict(name='a', init='scratch')], max_epochs=1), **SMALL)
    cfg.model = dict(type='ToyRunModel')
    from tests.engine import toy_run  # noqa: F401  registers it
    with pytest.raises(ValueError, match="'a': init='scratch' needs a "):
        train(cfg)
