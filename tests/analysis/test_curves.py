"""Reading logs back."""
import json

import numpy as np
import pytest

from mmbalance_plugin.analysis.curves import (
    clock,
    curve,
    curves_of,
    find_runs,
    read_scalars,
)
from mmbalance_plugin.analysis.curves_plot import broken, plot_curves


def write(work_dir, lines, stamp='20260101_000000'):
    folder = work_dir / stamp / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(
        ''.join(json.dumps(line) + '\n' for line in lines))
    return str(work_dir)


def train(step, ratio):
    return {'iter': step, 'step': step, 'ogm_ratio_a': ratio,
            'ogm_ratio_b': 1 / ratio}


def test_runs_are_grouped_by_method(tmp_path):
    for seed in (0, 1):
        write(tmp_path / 'ogm' / f'seed_{seed}', [train(1, 2.)])
    write(tmp_path / 'single', [train(1, 2.)])
    runs = find_runs([str(tmp_path)])
    assert {k: len(v) for k, v in runs.items()} == {'ogm': 2, 'single': 1}
    # The work dir itself, a method's folder: the same.
    assert list(find_runs([str(tmp_path / 'ogm' / 'seed_1')])) == ['ogm']
    with pytest.raises(FileNotFoundError, match='nothing'):
        find_runs([str(tmp_path / 'nothing')])


def test_a_hash_is_named_where_it_tells_settings_apart(tmp_path):
    for name in ('ogm-1a2b3c4d', 'ogm-5e6f7a8b', 'opm-99999999'):
        write(tmp_path / name / 'fold_0_seed_1', [train(1, 2.)])
    assert list(find_runs([str(tmp_path)])) == [
        'ogm-1a2b3c4d', 'ogm-5e6f7a8b', 'opm']


def test_what_a_resumed_run_repeats_counts_once(tmp_path):
    write(tmp_path, [train(10, 1.), {'acc/top1': .5, 'step': 1},
                     train(20, 2.), train(30, 3.)], '20260101_000000')
    write(tmp_path, [train(20, 5.), {'acc/top1': .7, 'step': 2}],
          '20260102_000000')
    records = read_scalars(str(tmp_path))
    assert curve([records], 'ogm_ratio_a').values.tolist() == [[1., 5.]]
    assert curve([records], 'acc/top1').values.tolist() == [[.5, .7]]


def test_curve_has_the_common_steps(tmp_path):
    one = [train(10, 1.), train(20, 2.), train(30, 3.)]
    other = [train(20, 4.), train(30, 5.)]
    steps, values = curve([one, other], 'ogm_ratio_a')
    assert steps.tolist() == [20, 30]
    np.testing.assert_array_equal(values, [[2., 3.], [4., 5.]])
    assert curve([one], 'nothing').values.size == 0


def test_the_first_value_of_a_step_counts():
    """The assembled model is validated under the last epoch's number."""
    records = [{'acc/top1': .6, 'step': 3}, {'acc/top1': .9, 'step': 3},
               {'acc/top1': None, 'step': 4}]
    assert curve([records], 'acc/top1').values.tolist() == [[.6]]


def test_everything_logged_is_found_by_its_name_or_a_part_of_it():
    records = [dict(train(1, 2.), ogm_ratios_c=1., loss=3., loss_con_a=1.),
               {'acc/top1': .5, 'acc/top1_a': .4, 'acc/top1@a+b': .6,
                'alpha_con_a': .5, 'step': 1}]
    assert list(curves_of([records], 'ogm_ratio')) == ['a', 'b']
    found = curves_of([records], 'loss')
    assert {k: c.values.item() for k, c in found.items()} == {
        'loss': 3., 'con_a': 1.}
    assert list(curves_of([records], 'loss_con_a')) == ['loss_con_a']
    assert list(curves_of([records], 'acc/top1')) == ['fused', 'a', '@a+b']
    assert [clock([records], key) for key in (
        'loss', 'ogm_ratio_a', 'alpha_con', 'acc/top1')] == [
            'iteration', 'iteration', 'epoch', 'epoch']


def test_a_line_breaks_between_stages_and_nowhere_else():
    steps, values = broken(np.array([1, 2, 3, 7, 8]),
                           np.arange(10.).reshape(2, 5))
    np.testing.assert_array_equal(steps, [1, 2, 3, np.nan, 7, 8])
    np.testing.assert_array_equal(
        values[1], [5, 6, 7, np.nan, 8, 9])
    for whole in ([4], [10, 20, 30], [1, 2, 4]):  # 3 was not logged by all
        assert broken(np.array(whole), np.ones((2, len(whole))))[
            0].tolist() == whole


def test_methods_together_are_lines_of_a_panel_for_each_key(tmp_path):
    from PIL import Image
    runs = {name: [write(tmp_path / name / 'seed_0', [
        {'acc/top1': .1, 'acc/top1_a': .2 + step / 20, 'step': step}
        for step in range(1, 9)])] for name in ('x', 'y', 'z')}
    path = str(tmp_path / 'a.png')
    plot_curves(runs, ['acc/top1_a'], path, together=True)
    one = Image.open(path).size
    plot_curves(runs, ['acc/top1_a', 'acc/top1'], path, together=True)
    assert Image.open(path).size == (2 * one[0], one[1])
    plot_curves(runs, ['acc/top1'], path)
    assert Image.open(path).size == (one[0], 3 * one[1])
    # Only whole names: a panel has one line for each method.
    with pytest.raises(ValueError, match='x/seed_0.*logged none'):
        plot_curves(runs, ['acc'], path, together=True)


def test_plot_is_small_and_has_a_row_a_method(tmp_path):
    from PIL import Image
    lines = [train(step, 1 + step / 20) for step in range(1, 20)]
    runs = {name: [write(tmp_path / name / f'seed_{s}', lines)
                   for s in (0, 1)] for name in ('x', 'y')}
    sizes = {}
    for count in (1, 2):
        path = tmp_path / f'{count}.png'
        plot_curves(dict(list(runs.items())[:count]),
                    ['missing|ogm_ratio', 'opm_ratio'], str(path))
        assert path.stat().st_size < 150 * 1024
        sizes[count] = Image.open(path).size
    assert sizes[2] == (sizes[1][0], 2 * sizes[1][1])
    with pytest.raises(ValueError, match='ogm_ratio_a'):
        plot_curves(runs, ['opm_ratio'], str(tmp_path / 'none.png'))


def test_no_method_and_no_seed_is_left_out_without_a_word(tmp_path):
    lines = [train(step, 1.5) for step in range(1, 5)]
    runs = {'x': [write(tmp_path / 'x/seed_0', lines)],
            'joint': [write(tmp_path / 'joint/seed_0', [{'loss': 1.,
                                                         'step': 1}])]}
    with pytest.raises(ValueError, match=r'joint/seed_0 logged none.*--keys'):
        plot_curves(runs, ['ogm_ratio'], str(tmp_path / 'a.png'))
    runs = {'x': [*runs['x'], *runs['joint']]}
    with pytest.raises(ValueError, match=r'joint/seed_0 logged none.*--keys'):
        plot_curves(runs, ['ogm_ratio'], str(tmp_path / 'a.png'))


def test_runs_of_unequal_length_are_refused(tmp_path):
    runs = {'x': [write(tmp_path / f'x/seed_{n}',
                        [train(step, 1.5) for step in range(1, n)])
                  for n in (4, 11)]}
    with pytest.raises(ValueError, match=r'x: .*steps \[3, 10\]'):
        plot_curves(runs, ['ogm_ratio'], str(tmp_path / 'a.png'))


def test_one_seed_twice_is_refused(tmp_path):
    for folder in ('a', 'b'):
        write(tmp_path / folder / 'ogm/seed_0', [train(1, 2.)])
    folders = [str(tmp_path / 'a'), str(tmp_path / 'b')]
    with pytest.raises(ValueError, match='a/ogm/seed_0 and .*b/ogm/seed_0'):
        find_runs(folders)
    assert find_runs([folders[0], folders[0]])  # the same folder: one run
