"""Which runs a command line asks for."""
import json

import pytest

from mmbalance_plugin.analysis import records
from mmbalance_plugin.cli.command import UsageError
from mmbalance_plugin.cli.grid import (
    Run,
    check_baseline,
    check_metric,
    key_of,
    make_grid,
    resolve,
)
from mmbalance_plugin.cli.tuning import choose, tuning_specs

CONFIG = """
lr = {lr}
model = dict(type='ConcatHead')
optim_wrapper = dict(lr=lr)
train_dataloader = dict(dataset=dict(
    type='RepeatDataset', dataset=dict(type='Toy', fold=0)))
test_dataloader = dict(dataset=dict(type='Toy', fold=0))
test_evaluator = dict(type='Metric')
work_dir = '{work_dir}'
randomness = dict(seed=0)
"""


@pytest.fixture(autouse=True)
def configs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, lr in (('a', .1), ('b', .2)):
        (tmp_path / f'{name}.py').write_text(
            CONFIG.format(lr=lr, work_dir=name))
    (tmp_path / 'plain.py').write_text('model = dict(type="ConcatHead")\n')


def grid(configs, options=(), seeds=(0, ), folds=()):
    return make_grid(configs, options, seeds, folds, out='out', store='kept')


def test_configs_times_folds_times_seeds():
    runs = grid(['a.py', 'b.py'], seeds=[3, 1], folds=[2, 0])
    assert [(r.config, r.fold, r.seed) for r in runs] == [
        ('a.py', 2, 3), ('b.py', 2, 3), ('a.py', 0, 3), ('b.py', 0, 3),
        ('a.py', 2, 1), ('b.py', 2, 1), ('a.py', 0, 1), ('b.py', 0, 1)]
    assert len({r.work_dir for r in runs}) == 8
    first = runs[0]
    assert str(first.work_dir) == f'out/a-{first.key}/fold_2_seed_3'
    assert str(first.record) == f'kept/a-{first.key}/fold_2_seed_3.json'


def test_a_fold_reaches_the_data_sets_at_any_depth():
    cfg = resolve('a.py', (), 2)
    assert cfg.train_dataloader.dataset.dataset.fold == 2
    assert cfg.test_dataloader.dataset.fold == 2
    with pytest.raises(UsageError, match='plain.py: no data set has a fold'):
        grid(['plain.py'], folds=[1])


def test_settings_are_told_apart_by_what_they_resolve_to(tmp_path):
    key = key_of(resolve('a.py', ()))
    # Where it goes, the seed and a fold of --folds are no settings,
    assert key == key_of(resolve('a.py', ['work_dir=x', 'randomness.seed=4']))
    assert len({key_of(resolve('a.py', (), k), k) for k in (0, 1)}) == 1
    # what is trained is, however it was asked for: also the fold of a config
    # of one's own, or else its runs would be taken for those of another.
    assert key != key_of(resolve('a.py', ['test_dataloader.dataset.fold=1']))
    assert key == key_of(resolve('a.py', [
        'visualizer.type=Another', 'log_processor.window_size=3']))
    changed = key_of(resolve('a.py', ['optim_wrapper.lr=0.2']))
    assert changed != key
    assert changed != key_of(resolve('b.py', ()))  # whose lr is 0.2, too
    (tmp_path / 'a.py').write_text(CONFIG.format(lr=.3, work_dir='a'))
    assert key_of(resolve('a.py', ())) != key


def test_options_for_one_config_and_for_all():
    one, other = grid(['a.py', 'a.py::optim_wrapper.lr=0.5::lr=[1,2]'],
                      ['model.type=SumHead'])
    assert one.options == ('model.type=SumHead', )
    assert other.options == ('model.type=SumHead', 'optim_wrapper.lr=0.5',
                             'lr=[1,2]')
    assert one.key != other.key


@pytest.mark.parametrize('args, message', [
    (dict(configs=['a.py', 'b.py', 'a.py']), 'a.py is the same setting as '
     'a.py'),
    (dict(configs=['a.py', 'a.py::optim_wrapper.lr=0.1']),
     'a.py::optim_wrapper.lr=0.1 is the same setting as a.py'),
    (dict(configs=['a.py::lr=3', 'a.py::lr=3.0']),
     'a.py::lr=3.0 is the same setting as a.py::lr=3: name'),
    (dict(configs=['a.py'], options=['randomness.seed=1']),
     'a.py: the seed is given by --seeds'),
    (dict(configs=['a.py'], seeds=[0, 1, 0]), '--seeds: 0 is given twice'),
    (dict(configs=['a.py'], folds=[1, 1]), '--folds: 1 is given twice'),
    (dict(configs=['a.py', 'plain.py']),
     'plain.py has no test_dataloader and no test_evaluator'),
])
def test_nothing_is_run_twice_or_in_vain(args, message):
    with pytest.raises(UsageError, match=message):
        grid(**args)


def test_a_baseline_that_nobody_trains_is_refused_at_once():
    configs = ['configs/joint_av_digits.py::a=1', 'udi_av_digits']
    for name in ('joint', 'joint a=1', 'joint_av_digits', 'udi'):
        check_baseline(configs, name)
    with pytest.raises(UsageError, match="no row 'opm' of av_digits, but "
                       'joint, udi'):
        check_baseline(configs, 'opm')
    check_baseline(['mine/toy.py'], 'toy')
    for other in ('joint_htad', 'mine/toy.py'):  # has none of its own
        with pytest.raises(UsageError, match="no row 'udi'"):
            check_baseline([*configs, other], 'udi')


def test_a_metric_that_no_run_will_have_is_refused_at_once(tmp_path):
    configs = ['opm_av_digits', 'unimodal_audio_av_digits']
    for name in ('acc/top1', 'acc/macro_f1_visual', 'ece_audio', 'log_loss',
                 'acc/top1@audio+visual'):
        check_metric(configs, (), name, 'test')
    check_metric(configs, ["test_evaluator.measures=['top5']"], 'acc/top5',
                 'test')
    with pytest.raises(UsageError, match=(
            "opm_av_digits will have no 'acc/top5' on test, but acc/top1, .*"
            'acc/mAP_visual, ece, .*log_loss_visual')):
        check_metric(configs, (), 'acc/top5', 'test')
    # Tuning needs it of each config.
    with pytest.raises(UsageError, match='unimodal_audio_av_digits will have '
                       "no 'ece_visual' on val"):
        check_metric(configs, (), 'ece_visual', 'val', each=True)
    # What emits it may be anybody's.
    check_metric(['a.py'], (), 'anything', 'test')


def test_every_config_has_as_many_settings(tmp_path):
    (tmp_path / 'opm.py').write_text(
        "_base_ = 'a.py'\n"
        "opm_tuning = [{'model.q_base': 0.25}, {'model.q_base': 0.75}]\n"
        "ogm_tuning = [{'lr': 1}, {'lr': 3, 'model.type': 'SumHead'}]\n")
    assert tuning_specs('opm.py', (), 3) == [
        'opm.py', 'opm.py::model.q_base=0.25::lr=1',
        'opm.py::model.q_base=0.75::lr=3::model.type=SumHead']
    # What may be tried is no part of what is trained.
    assert key_of(resolve('opm.py', ())) == key_of(resolve('a.py', ()))
    with pytest.raises(UsageError, match='opm.py has 3 settings.*--tune 4'):
        tuning_specs('opm.py', (), 4)


def test_what_has_no_option_of_its_own_is_tuned_by_its_learning_rate():
    options = ['optim_wrapper.optimizer.lr=0.05']
    rate = 'a.py::model.x=1::optim_wrapper.optimizer.lr='
    assert tuning_specs('a.py::model.x=1', options, 3) == [
        'a.py::model.x=1', f'{rate}0.15', f'{rate}0.0166667']


def test_the_best_on_validation_is_chosen_and_the_budget_told(tmp_path,
                                                             monkeypatch):
    specs = ('a.py', 'a.py::lr=1', 'b.py', 'b.py::lr=1', 'c.py', 'c.py::x=1')
    grid = {spec: [Run(spec, (), str(i), seed, None, 'o', 's')
                   for seed in (0, 1)] for i, spec in enumerate(specs)}
    val = {'0': .1, '1': .3, '2': .4, '3': .4}
    for name in val:  # of c, nothing has finished
        for run in grid[specs[int(name)]]:
            run.record.parent.mkdir(parents=True, exist_ok=True)
            run.record.touch()

    class Read:
        def __init__(self, path):
            self.key = path.parent.name.rsplit('-', 1)[1]

        def scores(self, split):
            assert split == 'val'  # test data choose nothing
            return {'acc/top1': val[self.key], 'ece': val[self.key]}

    monkeypatch.setattr(records, 'read_record', Read)
    assert choose(grid, 2, 'acc/top1', 'kept') == ['a.py::lr=1', 'b.py']
    told = json.loads((tmp_path / 'kept/tuning.json').read_text())
    one = dict(key='1', fold=None, config='a.py', metric='acc/top1',
               seeds=[0, 1], chosen=['lr=1'], validation={'': .1, 'lr=1': .3})
    other = dict(one, key='2', config='b.py', chosen=[],
                 validation={'': .4, 'lr=1': .4})
    assert told == [one, other]
    # Of other configs it stays, and a setting that failed is no choice.
    grid['b.py'][1].record.unlink()
    del grid['a.py'], grid['a.py::lr=1']
    assert choose(grid, 2, None, 'kept') == ['b.py::lr=1']
    assert json.loads((tmp_path / 'kept/tuning.json').read_text()) == [
        one, other, dict(other, key='3', chosen=['lr=1'],
                         validation={'': None, 'lr=1': .4})]
    # Less is better.
    grid['b.py'][1].record.touch()
    val['2'] = .3
    assert choose(grid, 2, 'ece', 'kept') == ['b.py']
    with pytest.raises(UsageError, match="b.py has no 'acc/top9'"):
        choose(grid, 2, 'acc/top9', 'kept')
