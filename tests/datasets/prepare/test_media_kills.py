"""Preparation killed at random points ends like one that was not."""
import os
import random
import signal

import pytest

from mmbalance_plugin.datasets.prepare import manifest, media_verify
from mmbalance_plugin.datasets.prepare.run import prepare
from tests.datasets import media_trees

KILLS = 20


def files_of(out):
    return {
        str(p.relative_to(out)): p.read_bytes()
        for p in sorted(out.rglob('*')) if p.is_file() and p.name != '.lock'
    }


def prepare_until(source, out, moment, name='crema_d', **options):
    """Prepare in a process of its own, killed at its n-th moment.

    Moments are before and after every file that is read and every file that
    is moved into place, and the middle of every write.

    Returns:
        int | None: The number of moments passed, None if it was killed.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        passed = 0

        def step():
            nonlocal passed
            passed += 1
            if passed == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        inspect, replace = media_verify.inspect_file, os.replace
        atomic = manifest.write_atomic

        def inspected(*args):
            step()
            facts = inspect(*args)
            step()
            return facts

        def replaced(*args):
            step()
            replace(*args)
            step()

        def half_written(path, pieces):
            data, = pieces
            partial = path.with_name(f'.{path.name}.partial')
            partial.write_bytes(bytes(data)[:len(data) // 2])
            step()
            atomic(path, pieces)

        media_verify.inspect_file, os.replace = inspected, replaced
        manifest.write_atomic = half_written
        try:
            os.close(reading)
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 1)
            prepare(name, source, out, accept_missing=True, workers=2,
                    **options)
            os.write(writing, str(passed).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return None
    assert os.WEXITSTATUS(status) == 0
    return int(text)


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    return media_trees.crema_d(tmp_path_factory.mktemp('crema') / 'source')


@pytest.fixture(scope='module')
def clean(source, tmp_path_factory):
    """What a run that nobody disturbs writes, and how long it is."""
    out = tmp_path_factory.mktemp('clean')
    moments = prepare_until(source, out, None)
    assert moments > 60
    return files_of(out), moments


def test_twenty_kills_of_one_preparation(source, clean, tmp_path):
    rng, kills = random.Random(0), 0
    while kills < KILLS:
        # Few moments a time, so that one preparation takes many lives.
        passed = prepare_until(source, tmp_path, rng.randint(1, 12))
        if passed is None:
            kills += 1
        elif (tmp_path / 'manifest.json').exists():
            assert files_of(tmp_path) == clean[0]
            (tmp_path / 'manifest.json').unlink()
    prepare_until(source, tmp_path, None)
    assert files_of(tmp_path) == clean[0]


@pytest.mark.parametrize('seed', range(4))
def test_kills_anywhere_in_a_fresh_preparation(source, clean, tmp_path, seed):
    moments = clean[1]
    for number in range(5):
        out = tmp_path / str(number)
        moment = random.Random(5 * seed + number).randint(1, moments)
        assert prepare_until(source, out, moment) is None
        prepare_until(source, out, None)
        assert files_of(out) == clean[0]


def test_kills_while_a_new_manifest_replaces_the_old(source, clean, tmp_path,
                                                     monkeypatch):
    # Options that change make it write everything anew; what is known of
    # the files must survive every moment of that.
    prepare('crema_d', source, tmp_path, accept_missing=True)

    def reads(*args):
        raise AssertionError('a file is read again')

    monkeypatch.setattr(media_verify, 'inspect_file', reads)
    for moment in range(1, 14):
        prepare('crema_d', source, tmp_path, accept_missing=True)
        path = tmp_path / 'manifest.json'
        path.write_text(path.read_text().replace('"options": {}',
                                                 '"options": {"old": null}'))
        (tmp_path / 'fair' / 'train.csv').write_text('path,label\n')
        prepare_until(source, tmp_path, moment)
        prepare_until(source, tmp_path, None)
        assert files_of(tmp_path) == clean[0]


def test_kills_while_flow_is_checked(tmp_path):
    tree = media_trees.TREES['ucf101'](tmp_path / 'source')
    moments = prepare_until(tree, tmp_path / 'clean', None, 'ucf101')
    wanted = files_of(tmp_path / 'clean')
    rng, kills, out = random.Random(1), 0, tmp_path / 'out'
    while kills < 10:
        if prepare_until(tree, out, rng.randint(1, moments // 5),
                         'ucf101') is None:
            kills += 1
        else:
            assert files_of(out) == wanted
            break
    assert kills > 2
    prepare_until(tree, out, None, 'ucf101')
    assert files_of(out) == wanted
