"""One table over several data sets."""
import numpy as np

from mmbalance_plugin.analysis.comparison import compare
from mmbalance_plugin.analysis.overview import overview
from mmbalance_plugin.analysis.records import read_records
from mmbalance_plugin.analysis.rows import make_rows
from tests.analysis.records import write

TARGETS = np.arange(200) % 10


def wrong(share, seed):
    classes = TARGETS.copy()
    hit = np.random.default_rng(seed).permutation(200)[:round(share * 200)]
    classes[hit] = (classes[hit] + 1) % 10
    return classes


def test_methods_of_several_sets_beside_each_other(tmp_path):
    for seed in range(4):
        for data, share in (('av_digits', .1), ('mnist_halves', .3)):
            for name, own in (('joint', .3), ('udi', share), ('ogm', .3)):
                if (name, data) != ('ogm', 'mnist_halves'):
                    write(tmp_path, f'{name}_{data}', seed,
                          wrong(own, seed), TARGETS)
        for fold in (0, 1, 2):
            write(tmp_path, 'joint_htad', seed, wrong(.3, seed), TARGETS,
                  fold=fold)
            write(tmp_path, 'udi_htad', seed, wrong(.1 * fold, seed), TARGETS,
                  fold=fold)
    found = compare(make_rows(read_records([str(tmp_path)])))
    rows = [[c.strip() for c in line.strip('|').split('|')]
            for line in overview(found).splitlines()]
    # A metric that only one set has.
    found[0].baseline.records[0].data['test']['acc/top1_audio'] = .5
    alone = overview([c._replace(metric='acc/top1_audio', findings=[])
                      for c in found])
    assert alone.splitlines() == [overview(found).splitlines()[0],
                                  '| --- | --- | --- | --- |']
    order = rows[0][1:]
    assert sorted(order) == ['av_digits', 'htad', 'mnist_halves']
    joint, udi = (dict(zip(order, row[1:])) for row in rows[2:])
    assert [row[0] for row in rows[2:]] == ['joint', 'udi']  # ogm: one set
    assert joint == dict(av_digits='70.00', mnist_halves='70.00', htad='70.00')
    assert udi == dict(
        av_digits='**+20.00**', mnist_halves='+0.00',
        htad='**+30.00** / **+20.00** / **+10.00**')
