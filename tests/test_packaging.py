import configparser
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LEFT_OUT = ('.*', 'data', 'work_dirs', 'build', '*.egg-info', '__pycache__')


@pytest.fixture(scope='module')
def source(root, tmp_path_factory):
    """A copy of the tree; building leaves files behind."""
    copy = tmp_path_factory.mktemp('source') / 'source'
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return copy


@pytest.fixture(scope='module')
def wheel(source, tmp_path_factory):
    """A wheel of the tree."""
    folder = tmp_path_factory.mktemp('wheel')
    done = subprocess.run([
        sys.executable, '-m', 'pip', 'wheel', '--no-deps',
        '--no-build-isolation', '--no-index', '-w', folder, source
    ], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    file, = folder.glob('*.whl')
    return zipfile.ZipFile(file)


@pytest.fixture(scope='module')
def metadata(wheel):
    name, = (n for n in wheel.namelist() if n.endswith('dist-info/METADATA'))
    return Parser().parsestr(wheel.read(name).decode())


@pytest.fixture(scope='module')
def constraints(root):
    """Every pin that applies to some interpreter."""
    lines = (root / 'constraints.txt').read_text().splitlines()
    return [Requirement(line) for line in lines
            if line and not line.startswith('#')]


def tree(folder, *suffixes):
    return {
        path.relative_to(folder).as_posix()
        for path in Path(folder).rglob('*')
        if path.is_file() and path.suffix in suffixes
    }


def test_wheel_has_everything_that_runs(source, wheel):
    shipped = set(wheel.namelist())
    # Whatever is not a Python file of the package must be there as well.
    everything = {
        path.relative_to(source).as_posix()
        for path in (source / 'mmbalance_plugin').rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }
    assert everything <= shipped
    mim = 'mmbalance_plugin/.mim'
    for folder, suffixes in (('configs', ('.py', )), ('tools', ('.py',
                                                                '.sh'))):
        files = tree(source / folder, *suffixes)
        assert files
        assert {f'{mim}/{folder}/{file}' for file in files} <= shipped
    assert any(name.endswith('LICENSE') for name in shipped)
    tops = {name.split('/')[0] for name in shipped}
    assert all(top.startswith('mmbalance_plugin') for top in tops)


def test_wheel_runs_from_where_it_is_unpacked(wheel, tmp_path):
    site = tmp_path / 'site'
    wheel.extractall(site)
    mim = site / 'mmbalance_plugin' / '.mim'
    code = ('from mmbalance_plugin.cli.launch import load_config\n'
            'print(load_config("configs/_base_/default_runtime.py").filename)')
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=tmp_path, env={**os.environ, 'PYTHONPATH': str(site)},
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == (
        mim / 'configs' / '_base_' / 'default_runtime.py')


def test_no_mmcv_is_ever_forced(metadata):
    requirements = map(Requirement, metadata.get_all('Requires-Dist'))
    mmcv = [r for r in requirements if r.name.startswith('mmcv')]
    assert [r.name for r in mmcv] == ['mmcv-lite']
    assert 'extra ==' in str(mmcv[0].marker)
    # What mmaction2 1.2 asserts.
    assert '2.1.0' in mmcv[0].specifier
    assert '2.2.0' not in mmcv[0].specifier


def test_every_requirement_is_bounded_and_pinned(root, constraints):
    pins = {}
    for pin in constraints:
        (specifier, ) = pin.specifier
        assert specifier.operator == '==', pin
        pins.setdefault(canonicalize_name(pin.name), []).append(
            specifier.version)
    setup = configparser.ConfigParser()
    setup.read(root / 'setup.cfg')
    lines = setup['options']['install_requires'].splitlines()
    lines += [
        line for extra in setup['options.extras_require'].values()
        for line in extra.splitlines()
    ]
    for requirement in map(Requirement, filter(None, lines)):
        operators = {s.operator for s in requirement.specifier}
        assert '>=' in operators, requirement
        for version in pins[canonicalize_name(requirement.name)]:
            assert version in requirement.specifier, requirement


@pytest.mark.parametrize('python', ['3.10', '3.11', '3.12', '3.13'])
def test_one_pin_for_each_python(constraints, python):
    names = [
        canonicalize_name(pin.name) for pin in constraints
        if pin.marker is None
        or pin.marker.evaluate(dict(python_version=python))
    ]
    assert len(names) == len(set(names))
    assert {'torch', 'numpy', 'scipy', 'av', 'mmengine'} <= set(names)


def make(root, *args):
    # Not the flags of a make that may be running these tests.
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    return subprocess.run(['make', '-C', root, *args],
                          env=env,
                          capture_output=True,
                          text=True,
                          timeout=60)


@pytest.mark.parametrize('target, commands', [
    ('demo', ['pip install', 'tools/prepare_data.py',
              'tools/compare.py configs/joint_av_digits.py',
              'tools/diagnose.py configs/joint_av_digits.py']),
    ('test', ['pip install', 'ruff check', 'mypy', 'tools/prepare_data.py',
              "-m pytest -m 'not slow'"]),
    ('test-full', ['pip install', 'ruff check', '-m pytest']),
    ('docs', ['pip install', "'.[docs]'", 'docs/api.py']),
])
def test_targets(root, tmp_path, target, commands):
    """What each target does on a fresh machine, in this order."""
    done = make(root, '-n', target, f'VENV={tmp_path}/new')
    assert done.returncode == 0, done.stderr
    positions = [done.stdout.find(command) for command in commands]
    assert -1 not in positions
    assert positions == sorted(positions)


def test_missing_python_is_named(root, tmp_path):
    done = make(root, 'install', 'PYTHON=no-such-python',
                f'VENV={tmp_path}/new')
    assert done.returncode != 0
    assert 'no-such-python not found' in done.stderr


def test_old_python_is_refused(root, tmp_path):
    old = tmp_path / 'old-python'
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c '
                   '"import sys; sys.version_info = (3, 9, 1); '
                   'exec(sys.argv[1])" "$2"\n')
    old.chmod(0o755)
    done = make(root, 'install', f'PYTHON={old}', f'VENV={tmp_path}/new')
    assert done.returncode != 0
    assert 'Python 3.10 or newer is needed' in done.stderr
    assert 'is 3.9' in done.stderr
    assert not (tmp_path / 'new').exists()


def test_one_version_everywhere(root):
    from mmbalance_plugin import __version__
    changes = (root / 'CHANGELOG.md').read_text()
    assert re.findall(r'^## (\S+)', changes, re.M)[0] == __version__
    assert f'version: {__version__}\n' in (root / 'CITATION.cff').read_text()


def test_ci_runs_the_tests(root):
    script = root / '.ci' / 'run'
    assert os.access(script, os.X_OK)
    assert 'make test\n' in script.read_text()
