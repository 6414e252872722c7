"""tools/diagnose.py on sets of known balance."""
import json
import math

import pytest

from mmbalance_plugin.analysis.report.diagnosis import diagnosis_report
from tests.analysis.diagnosis.constructed import (
    KINDS,
    MAKES,
    NO_GAIN,
    config,
)
from tests.analysis.report.browser import chromium, look


@pytest.fixture(scope='module')
def diagnose(root, run_python, tmp_path_factory):
    """Call the tool on a constructed set; returns its output and folder."""

    def call(truth, make, *args, epochs=15):
        folder = tmp_path_factory.mktemp(f'{make}_{truth}')
        path = folder / 'mine.py'
        config(truth, make, epochs).dump(path)
        done = run_python(root / 'tools/diagnose.py', path, '--out', folder,
                          *args, timeout=900)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout, folder

    return call


@pytest.fixture(scope='module')
def pair(diagnose):
    """Two seeds, 15 epochs of 18."""
    return diagnose('pair', 'seen', '--seeds', 0, 1, epochs=18)


@pytest.mark.slow
def test_from_a_config_to_a_verdict(pair):
    output, folder = pair
    data = json.loads((folder / 'diagnosis.json').read_text())
    assert [v['kind'] for v in data['verdicts']] == ['pair']
    assert f'* {data["verdicts"][0]["text"]}' in output
    assert data['next']['command'] == \
        f'python tools/train.py {folder}/configs/pairs.py'
    assert data['facts']['seeds'] == '0 1'
    assert 'models of 15 epochs' in output
    # Of every part of the report.
    assert data['interaction'][1] > .3
    assert len(data['ratios']['one']) == 15
    assert data['calibration'].keys() == {'fused', 'one', 'two'}
    assert data['robustness']['noise']['two'][0][0] == 0
    shares = data['shapley']['accuracy']
    assert abs(sum(s[0] for s in shares.values())) < .1
    assert all(math.isfinite(v) for v in data['interaction'])
    # The same numbers are the same page.
    page = (folder / 'report.html').read_text()
    assert diagnosis_report(data) == page


@pytest.mark.slow
def test_again_nothing_is_trained_and_a_given_model_is_named(
        pair, root, run_python):
    _, folder = pair
    model = next(folder.glob('runs/joint-*/seed_0/best.pth'))
    done = run_python(root / 'tools/diagnose.py', folder / 'mine.py', model,
                      '--out', folder, '--seeds', 0, 1)
    assert done.returncode == 0, done.stderr
    assert '10 runs, 10 finished before' in done.stdout
    data = json.loads((folder / 'diagnosis.json').read_text())
    assert data['base'] == 'this model'
    assert list(data['accuracy'])[0] == 'this model'
    assert 'joint - this model' in data['differences']
    assert data['facts']['checkpoint'] == str(model)


@pytest.mark.slow
@pytest.mark.parametrize('width, dark', [(360, False), (1000, True)])
def test_its_page_in_a_browser(pair, tmp_path, width, dark):
    chromium()
    page = (pair[1] / 'report.html').read_text()
    seen = look(page, tmp_path, width, dark)
    assert seen['scroll'] <= width and all(seen['inside'])
    assert len(seen['svgs']) == 9 and all(n > 3 for n in seen['drawn'])
    assert not [name for name in seen['fetched'] if name != 'data:,']
    assert not seen['console']


@pytest.mark.slow
@pytest.mark.parametrize('make, truth', [
    (make, truth) for make, truths in MAKES.items() for truth in truths])
def test_known_truth(diagnose, make, truth):
    _, folder = diagnose(truth, make, '--budget', 'full')
    data = json.loads((folder / 'diagnosis.json').read_text())
    first = data['verdicts'][0]
    assert first['kind'] == KINDS[truth], data['verdicts']
    if truth in NO_GAIN:
        assert 'no gain is expected' in first['text']


def test_mistakes_are_told_at_once(root, run_python, tmp_path):
    path = tmp_path / 'mine.py'
    cfg = config('pair', 'seen')
    cfg.pop('val_dataloader')
    cfg.dump(path)
    done = run_python(root / 'tools/diagnose.py', path, '--out', tmp_path)
    assert done.returncode == 2
    assert done.stderr.count('\n') == 1 and 'val_dataloader' in done.stderr
    done = run_python(root / 'tools/diagnose.py', path, 'none.pth')
    assert done.returncode == 2 and 'none.pth' in done.stderr
