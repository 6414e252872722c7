"""The page of several finished runs."""
import json
import re

import numpy as np
import pytest

from mmbalance_plugin.analysis.comparison import compare
from mmbalance_plugin.analysis.records import read_records
from mmbalance_plugin.analysis.report.runs import runs_report
from mmbalance_plugin.analysis.rows import make_rows
from tests.analysis.records import write
from tests.analysis.report.browser import chromium, look

TARGETS = np.arange(200) % 10


@pytest.fixture(scope='module')
def store(tmp_path_factory):
    """Joint and a better method, of three seeds; one of them has its log."""
    folder = tmp_path_factory.mktemp('store')
    for seed in range(3):
        for name, wrong in (('joint', 60), ('udi', 20 + seed)):
            classes = TARGETS.copy()
            classes[seed:seed + wrong] += 1
            record = write(folder, f'{name}_av_digits', seed, classes % 10,
                           TARGETS, alone=dict(audio=TARGETS))
            if name == 'joint':
                continue
            log = record.path.with_suffix('') / '1/vis_data'
            log.mkdir(parents=True)
            (log / 'scalars.json').write_text('\n'.join(
                json.dumps({'acc/top1': .5 + .1 * step, 'step': step})
                for step in (1, 2, 3)))
    return folder


def test_it_says_what_the_tables_say(store):
    page = runs_report(compare(make_rows(read_records([str(store)]))))
    assert re.search(r'class="verdict good"><p>Helps against joint: '
                     r'udi \(\+1\d\.\d\d\)', page)
    for text in ('What do they reach?', 'Is it more than chance?',
                 'What do they cost?', 'How did they get there?', 'macro-F1',
                 'python tools/compare.py configs/joint_av_digits.py'):
        assert text in page
    # Differences of one row, and the course of the one that has a log.
    assert page.count('<svg') == 2
    course = page[page.index('How did they get there?'):]
    assert '>udi<' in course and '>joint<' not in course


def test_the_tool_and_a_browser(store, root, run_python, tmp_path):
    done = run_python(root / 'tools/report.py', store)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(store / 'report.html')
    chromium()
    seen = look((store / 'report.html').read_text(), tmp_path, 360)
    assert seen['scroll'] <= 360 and all(seen['inside'])
    assert all(n > 2 for n in seen['drawn']) and not seen['console']
