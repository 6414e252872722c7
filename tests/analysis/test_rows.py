"""Which rows records make, and which of them is held against which."""
import json
import shlex

import pytest

from mmbalance_plugin.analysis.records import read_records
from mmbalance_plugin.analysis.rows import make_rows
from mmbalance_plugin.analysis.tables import command, to_data, to_markdown
from tests.analysis.records import TARGETS, of, write, wrong


def test_the_baseline_of_data_of_ones_own(tmp_path):
    for seed in range(3):
        for name in ('udi_mine', 'joint_mine', 'ogm_mine'):
            write(tmp_path, name, seed, wrong(.3, seed), TARGETS)
    found, = of(tmp_path)
    assert found.baseline.name == 'joint_mine' and len(found.findings) == 2
    for seed in range(3):  # two of that name: nobody can tell which
        write(tmp_path, 'joint_wide', seed, wrong(.3, seed), TARGETS)
    found, = of(tmp_path)
    assert found.baseline is None
    assert ('no row is called joint; `--baseline` takes `joint_mine`, '
            '`joint_wide`, `ogm_mine`') in to_markdown(found)


def test_settings_of_one_config_are_rows_of_their_own(tmp_path):
    for options in ((), ('model.q_base=0.25', ), ('model.q_base=0.75', )):
        write(tmp_path, 'opm_av_digits', 0, TARGETS, TARGETS,
              options=('a=1', *options))
    rows = make_rows(read_records([str(tmp_path)]))
    assert sorted(row.name for row in rows) == [
        'opm_av_digits', 'opm_av_digits q_base=0.25',
        'opm_av_digits q_base=0.75']
    words = shlex.split(command(rows))
    assert words[-2:] == ['--cfg-options', 'a=1']
    assert 'configs/opm_av_digits.py::model.q_base=0.25' in words
    # Edited between two runs: told apart by the hash of what was trained.
    write(tmp_path, 'opm_av_digits', 1, TARGETS, TARGETS, key='12345678',
          options=('a=1', ))
    rows = make_rows(read_records([str(tmp_path)]))
    assert 'opm_av_digits #12345678' in [row.name for row in rows]


def test_a_row_is_held_against_the_baseline_of_its_own_options(tmp_path):
    """So that what an option does to all does not look like a method's."""
    gap, rate = ('x.drop=.5', ), ('x.drop=.5', 'y.lr=1')
    for seed in range(3):
        for name, share, options in (
                ('joint', .3, ()), ('udi', .1, ()), ('joint', .5, gap),
                ('udi', .4, gap), ('udi', .2, rate)):
            write(tmp_path, f'{name}_av_digits', seed, wrong(share, seed),
                  TARGETS, options=options)
    found, = of(tmp_path)
    assert {f.row.method: (f.baseline.method,
                           round(f.difference.estimate, 2))
            for f in found.findings} == {
        'joint drop=.5': ('joint', -.2), 'udi': ('joint', .2),
        'udi drop=.5': ('joint drop=.5', .1),
        'udi drop=.5 lr=1': ('joint drop=.5', .3)}
    table = to_markdown(found)
    assert '| udi drop=.5 | joint drop=.5 | 3 | +10.00 |' in table
    assert '* **Helps** against joint drop=.5: udi drop=.5' in table
    assert {d['baseline'] for d in to_data(found)['differences']} == {
        'joint_av_digits', 'joint_av_digits drop=.5'}
    # A baseline that is named keeps its rows: no plainer one takes them.
    named, = of(tmp_path, baseline='joint drop=.5')
    assert {f.baseline.method for f in named.findings} == {'joint drop=.5'}


def test_what_tuning_chose_is_no_difference_between_rows(tmp_path):
    """Tuned joint training is the baseline of tuned methods, whichever
    setting validation chose for either."""
    rate = 'optim.lr=3'
    for seed in range(3):
        for name, share, options in (
                ('joint', .5, ()), ('joint', .3, (rate, )), ('udi', .1, ()),
                ('opm', .2, (rate, )), ('mla', .4, ())):
            write(tmp_path, f'{name}_av_digits', seed, wrong(share, seed),
                  TARGETS, options=options, key=f'{name}{len(options)}')
    told = [dict(key=key, fold=None, config='', metric='acc/top1', seeds=[7],
                 chosen=chosen, validation={'': tried, rate: .7})
            for key, chosen, tried in (
                ('joint1', [rate], .6), ('udi0', [], .8),
                ('opm1', [rate], None))]
    (tmp_path / 'tuning.json').write_text(json.dumps(told))
    found, = of(tmp_path)
    against = {f.row.method: (f.baseline.method,
                              round(f.difference.estimate, 2))
               for f in found.findings}
    tuned = 'joint lr=3'
    assert against == {'mla': ('joint', .1), tuned: ('joint', .2),
                       'udi': (tuned, .2), 'opm': (tuned, .1)}
    table = to_markdown(found)
    assert ('Each had 2 settings on validation, with seeds 7; then the one in '
            'bold was trained with seeds of its own. Not tuned: joint, mla.'
            in table)
    assert '| joint lr=3 | as it is: 60.00 / **optim.lr=3: 70.00** |' in table
    assert '| opm | as it is: failed / **optim.lr=3: 70.00** |' in table
    rows = {row['method']: row for row in to_data(found)['rows']}
    assert rows['opm_av_digits']['tuning'] == [told[2]]
    for text in ('{"half', '{}', '[]', '[3]'):
        (tmp_path / 'tuning.json').write_text(text)
        if text in ('{}', '[]'):
            assert 'Each had' not in to_markdown(of(tmp_path)[0])
        else:
            with pytest.raises(ValueError, match='tuning.json is damaged'):
                of(tmp_path)
    (tmp_path / 'tuning.json').write_text(json.dumps(told))
    # Without the untuned one it has its plain name.
    for path in tmp_path.glob('joint_av_digits-joint0/*'):
        if path.is_file():
            path.unlink()
    for baseline in (None, 'joint'):
        found, = of(tmp_path, baseline=baseline)
        assert {f.row.method: f.baseline.method
                for f in found.findings} == dict.fromkeys(
                    ('udi', 'opm', 'mla'), 'joint')
    assert '::optim.lr=3' in command(found.rows)


def test_a_baseline_with_options_is_for_rows_with_those_options(tmp_path):
    """Where it is there with options only, as in a sweep."""
    for seed in range(3):
        for name, share, options in (
                ('joint', .3, ('x.noise=1', )), ('joint', .5, ('x.noise=2', )),
                ('udi', .1, ('x.noise=1', )), ('udi', .4, ('x.noise=2', )),
                ('udi', .2, ('x.noise=4', ))):
            write(tmp_path, f'{name}_av_digits', seed, wrong(share, seed),
                  TARGETS, options=options)
    found, = of(tmp_path)
    assert {f.row.method: (f.baseline.method,
                           round(f.difference.estimate, 2))
            for f in found.findings} == {
        'udi noise=1': ('joint noise=1', .2),
        'udi noise=2': ('joint noise=2', .1)}


def test_configs_of_the_same_settings_take_a_command_for_each(tmp_path):
    for name in ('joint', 'udi'):
        for options in ((), ('a=1', 'b=2')):
            write(tmp_path, f'{name}_av_digits', 0, TARGETS, TARGETS,
                  options=options)
    lines = command(make_rows(read_records([str(tmp_path)]))).split('\n')
    assert sorted(lines) == [
        'python tools/compare.py configs/joint_av_digits.py '
        f'configs/udi_av_digits.py --seeds 0{end}'
        for end in ('', ' --cfg-options a=1 b=2')]
    # None is said to have seeds that it does not.
    write(tmp_path, 'udi_av_digits', 1, TARGETS, TARGETS, options=())
    lines = command(make_rows(read_records([str(tmp_path)]))).split('\n')
    assert 'python tools/compare.py configs/udi_av_digits.py ' \
        '--seeds 0 1' in lines
    assert len(lines) == 2 and sum('--seeds 0 1' in x for x in lines) == 1
