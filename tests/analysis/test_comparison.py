"""Tables over seeds."""
import json

import pytest

from mmbalance_plugin.analysis import collect_runs, comparison_table


def write(folder, config, seed, fused, audio, anchor=None):
    path = folder / config / f'seed_{seed}'
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
