"""What methods reach over an option, from records."""
import json

import numpy as np
import pytest
from PIL import Image

from mmbalance_plugin.analysis.records import read_records
from mmbalance_plugin.analysis.rows import make_rows
from mmbalance_plugin.analysis.sweep_plot import (
    lines_of,
    plot_sweep,
    value_of,
)
from tests.analysis.records import write

TARGETS = np.arange(40) % 10
DROP = 'test.drop'


@pytest.fixture
def rows(tmp_path):
    """Two methods at 0, .3 and .6, of two seeds; worse the more is gone."""
    records = []
    for name, slope in (('joint', 30), ('opm', 20)):
        for share in (0, .15, .3):
            options = (f'{DROP}.a={share}', f'{DROP}.b={share}',
                       'train.drop.a=.9') if share else ()
            for seed in (0, 1):
                classes = TARGETS.copy()
                classes[:round(slope * share) + seed] += 1
                records.append(write(
                    tmp_path, f'{name}_av_digits', seed, classes % 10,
                    TARGETS, options=options, alone=dict(audio=TARGETS)))
    return make_rows(records)


def test_the_value_of_an_option_is_the_sum_of_its_parts():
    options = ['x.drop.a=.15', 'x.drop.b=.2', 'x.dropped=5', 'y.drop.a=1']
    assert value_of(options, 'x.drop') == pytest.approx(.35)
    assert value_of(options, 'x.drop.b') == .2
    assert value_of(options, 'z') is None
    assert value_of(options, 'z', 0.) == 0


def test_lines_are_methods_with_every_seed(rows):
    found = lines_of([(row, value_of(row.options, DROP, 0.))
                      for row in rows], 'acc/top1', DROP)
    assert set(found) == {'joint', 'opm'}
    assert {value: sorted(scores) for value, scores in
            found['joint'].items()} == {
        0: [39 / 40, 1], .3: [pytest.approx(35 / 40), 36 / 40],
        .6: [pytest.approx(30 / 40), 31 / 40]}
    assert lines_of([(rows[0], 0.)], 'acc/top1@audio', DROP) == {'joint': {}}


def test_a_method_of_other_options_is_another_line(tmp_path):
    for options in (('test.drop=.5', ), ('test.drop=.5', 'train.drop=.5'),
                    ('test.drop=.5', 'model.head.drops=1')):
        write(tmp_path, 'opm_toy', 0, TARGETS, TARGETS, options=options)
    rows = [(row, .5) for row in make_rows(read_records([str(tmp_path)]))]
    with pytest.raises(ValueError, match='second row of opm_toy at 0.5'):
        lines_of(rows, 'acc/top1', DROP)
    assert set(lines_of([r for r in rows if 'train' not in str(r[0].options)],
                        'acc/top1', DROP)) == {'opm_toy', 'opm_toy drops=1'}


def test_a_panel_for_the_fused_and_each_modality(rows, tmp_path):
    path = str(tmp_path / 'x.png')
    plot_sweep(rows, DROP, path, otherwise=0, dpi=40)
    both = Image.open(path)
    assert len(both.convert('RGB').getcolors()) > 5
    # Where samples lack something, by what they have instead.
    for row in rows:
        for record in row.records:
            record.data['test'].update({'acc/top1@a+b': .9, 'acc/top1@a': .5,
                                        'acc/top1@b': .4})
    plot_sweep(rows, DROP, path, otherwise=0, dpi=40)
    assert Image.open(path).size == (2 * both.width, both.height)


def test_seeds_that_agree_have_a_bar_of_no_length(tmp_path):
    """.1 + .1 + .1 is above .3, and a third of it above .1."""
    for seed in range(3):
        for options in ((), (f'{DROP}=.5', )):
            record = write(tmp_path, 'joint_av_digits', seed, TARGETS,
                           TARGETS, options=options)
            record.data['test'] = {'acc/top1': .1}
            record.path.write_text(json.dumps(record.data))
    plot_sweep(make_rows(read_records([str(tmp_path)])), DROP,
               str(tmp_path / 'x.png'), otherwise=0)


def test_what_cannot_be_drawn_is_named(rows, tmp_path):
    path = str(tmp_path / 'x.png')
    with pytest.raises(ValueError, match='nothing has less than two values'):
        plot_sweep(rows, 'nothing', path)
    with pytest.raises(ValueError, match='second row of joint at 0.3'):
        plot_sweep([*rows, *rows], DROP, path)
    # Rows that are not given the option are left out by default.
    with pytest.raises(ValueError, match='less than two'):
        plot_sweep([r for r in rows if len(r.options) < 3 or '.3' in str(
            r.options)], DROP, path)
