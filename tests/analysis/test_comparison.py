"""Tables over seeds."""
import json

import pytest

from mmbalance_plugin.analysis import collect_runs, comparison_table


def write(folder, config, seed, fused, audio, anchor=None, **changed):
    path = folder / changed.pop('name', f'{config}/seed_{seed}')
    path.mkdir(parents=True)
    scores = {'acc/top1': fused, 'acc/top1_audio': audio}
    summary = dict(
        config=f'configs/{config}.py',
        seed=seed,
        anchor=anchor,
        val=dict(last={}, best={k: v / 2 for k, v in scores.items()}),
        test=scores,
        cost=dict(
            optimizer_steps=100,
            encoder_samples=dict(audio=10, visual=20),
            wall_seconds=1.5,
            peak_memory_bytes=2**20,
            params_inference=1234))
    for key, value in changed.items():
        (summary if key in summary else summary['cost'])[key] = value
    if 'epochs' in changed:
        summary['stages'] = [
            dict(max_epochs=n, stopped_early=False)
            for n in summary['cost'].pop('epochs')
        ]
    (path / 'summary.json').write_text(json.dumps(summary))


@pytest.fixture
def runs(tmp_path):
    write(tmp_path, 'udi', 0, .9, .5, 'audio')
    write(tmp_path, 'udi', 1, .8, .5, 'visual')
    write(tmp_path, 'udi', 2, .7, .5, 'audio')
    write(tmp_path, 'joint', 0, .6, .4)
    return collect_runs(str(tmp_path))


def cells(table, row):
    return [c.strip() for c in table.splitlines()[row].strip('|').split('|')]


def test_mean_and_sample_deviation_per_method(runs):
    table = comparison_table(runs, order=['udi', 'joint'])
    assert cells(table, 2)[:5] == [
        'udi', '3', '80.00 ± 10.00', '50.00 ± 0.00', 'audio 2x, visual 1x'
    ]
    assert cells(table, 3)[:5] == ['joint', '1', '60.00', '40.00', '-']
    assert cells(table, 3)[5:] == ['100', '30', '2', '1', '1,234']


def test_validation_is_another_column_of_numbers(runs):
    assert cells(comparison_table(runs, 'val'), 3)[2] == '40.00 ± 5.00'


def test_nothing_to_compare_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='summary.json'):
        collect_runs(str(tmp_path))


@pytest.mark.parametrize('changed, trait', [
    (dict(epochs=[10]), 'epochs'),
    (dict(optimizer_steps=30), 'steps'),
    (dict(params_inference=99), 'parameters'),
    (dict(test={'acc/top1': .5}), 'test numbers'),
    (dict(seed=1), 'seed'),
])
def test_what_is_no_seed_of_one_experiment_is_refused(tmp_path, changed,
                                                      trait):
    write(tmp_path, 'joint', 0, .6, .4, epochs=[3])
    write(tmp_path, 'joint', 1, .6, .4, epochs=[3])
    kind = dict(dict(epochs=[3]), **changed)
    seed = kind.pop('seed', 2)
    write(tmp_path, 'joint', seed, .7, .4, name='elsewhere/x', **kind)
    with pytest.raises(ValueError) as error:
        comparison_table(collect_runs(str(tmp_path)))
    message = str(error.value)
    assert "'joint'" in message and f'by their {trait} (' in message
    assert 'elsewhere/x/summary.json' in message


def test_runs_that_stopped_early_may_differ_in_steps(tmp_path):
    write(tmp_path, 'joint', 0, .6, .4, epochs=[3])
    write(tmp_path, 'joint', 1, .6, .4, epochs=[3], optimizer_steps=20)
    path = tmp_path / 'joint/seed_1/summary.json'
    summary = json.loads(path.read_text())
    summary['stages'][0]['stopped_early'] = True
    path.write_text(json.dumps(summary))
    assert cells(comparison_table(collect_runs(str(tmp_path))), 2)[1] == '2'


def test_a_method_without_a_run_is_named(runs):
    with pytest.raises(ValueError, match="no run of 'udl'"):
        comparison_table(runs, order=['udl', 'joint'])
