"""The tree as others get it: a source distribution, and a wheel of that."""
import os
import shutil
import subprocess
import sys
import tarfile

import pytest

LEFT_OUT = ('.git', '.venv', '.*_cache', 'data', 'work_dirs', 'build',
            '*.egg-info', '__pycache__')


@pytest.fixture(scope='session')
def source(root, tmp_path_factory):
    """A copy of the tree; building leaves files behind."""
    copy = tmp_path_factory.mktemp('source') / 'source'
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return copy


@pytest.fixture(scope='session')
def sdist(source, tmp_path_factory):
    """A source distribution of the tree, unpacked."""
    folder = tmp_path_factory.mktemp('sdist')
    _run(source, '-c', 'from setuptools import build_meta\n'
         f'build_meta.build_sdist({os.fspath(folder)!r})')
    packed, = folder.glob('*.tar.gz')
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter='data')
    unpacked, = filter(os.path.isdir, folder.iterdir())
    return unpacked


@pytest.fixture(scope='session')
def wheel(sdist, tmp_path_factory):
    """The file of a wheel, made from the source distribution."""
    folder = tmp_path_factory.mktemp('wheel')
    _run(sdist, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation',
         '--no-index', '-w', folder, '.')
    file, = folder.glob('*.whl')
    return file


def _run(folder, *args):
    done = subprocess.run([sys.executable, *args], cwd=folder,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
