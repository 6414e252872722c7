"""The tool that measures what preparing clips takes, on a tiny clip."""
import json

import pytest

from tests import media_utils


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp('clip') / 'clip.mp4'
    sound = media_utils.tone(.5, 48000, 440., channels=2)
    return media_utils.write_clip(
        path, 12, 25, (48, 64), sound=sound, rate=48000)


def rows(output):
    return [line.split(' | ')[0].strip('| ') for line in output.splitlines()
            if line.startswith('| ')]


def test_command(run_python, tmp_path, clip):
    out = tmp_path / 'costs.json'
    done = run_python(
        'tools/benchmark_preparation.py', '--set', 'crema_d', '--clip', clip,
        '--clips', 1, '--rounds', 1, '--seconds', .3, '--files', 0, '--json',
        out)
    assert done.returncode == 0, done.stderr
    assert rows(done.stdout) == [
        'clip', 'crema_d 480x360', 'set', 'crema_d 480x360']
    found = json.loads(out.read_text())
    costs = found['clips']['crema_d 480x360']
    assert costs['decode'] > 0 and costs['load_cache'] > 0
    assert found['runs'] == []


def test_unknown_set(run_python):
    done = run_python('tools/benchmark_preparation.py', '--set', 'imagenet')
    assert done.returncode == 2
    assert 'imagenet' in done.stderr and 'crema_d' in done.stderr
