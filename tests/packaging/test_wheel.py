"""What is in a wheel, and what it asks for."""
import configparser
import os
import re
import zipfile
from email.parser import Parser

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@pytest.fixture(scope='module')
def packed(wheel):
    return zipfile.ZipFile(wheel)


@pytest.fixture(scope='module')
def metadata(packed):
    name, = (n for n in packed.namelist() if n.endswith('dist-info/METADATA'))
    return Parser().parsestr(packed.read(name).decode())


@pytest.fixture(scope='module')
def constraints(root):
    """Every pin that applies to some interpreter."""
    lines = (root / 'constraints.txt').read_text().splitlines()
    return [Requirement(line) for line in lines
            if line and not line.startswith('#')]


def files(folder):
    return {
        path.relative_to(folder).as_posix() for path in folder.rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }


def test_source_distribution_has_the_whole_tree(source, sdist):
    """Its tests and its pages, too, and what they read."""
    left_out = {name for name in files(source) - files(sdist)
                if not name.startswith('.') or name.startswith('.ci/')}
    assert not left_out


def test_wheel_has_everything_that_runs(source, packed):
    shipped = set(packed.namelist())
    assert {f'mmbalance_plugin/{name}'
            for name in files(source / 'mmbalance_plugin')} <= shipped
    for folder in ('configs', 'tools'):
        names = files(source / folder)
        assert names
        assert {f'mmbalance_plugin/.mim/{folder}/{name}'
                for name in names} <= shipped
    assert {'mmbalance_plugin/.mim/model-index.yml',
            'mmbalance_plugin/py.typed'} <= shipped
    assert any(name.endswith('LICENSE') for name in shipped)
    tops = {name.split('/')[0] for name in shipped}
    assert all(top.startswith('mmbalance_plugin') for top in tops)


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


def test_one_version_everywhere(root):
    from mmbalance_plugin import __version__
    changes = (root / 'CHANGELOG.md').read_text()
    assert re.findall(r'^## (\S+)', changes, re.M)[0] == __version__
    assert f'version: {__version__}\n' in (root / 'CITATION.cff').read_text()


def test_ci_runs_the_tests(root):
    script = root / '.ci' / 'run'
    assert os.access(script, os.X_OK)
    assert 'make test\n' in script.read_text()
