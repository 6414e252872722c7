import sys

import pytest

from mmbalance_plugin.compat import StackError, check_stack


def test_installed_stack_passes():
    check_stack()


@pytest.mark.parametrize('name, hint', [
    ('mmcv', 'mmbalance_plugin[mmcv-lite]'),
    ('mmaction', 'pip install "mmaction2>=1.2,<1.3"'),
])
def test_missing_package_names_the_command(monkeypatch, name, hint):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(StackError, match=f'^{name} is not installed') as err:
        check_stack()
    assert hint in str(err.value)


def test_refused_mmcv_version(monkeypatch, tmp_path):
    package = tmp_path / 'mmaction'
    package.mkdir()
    (package / '__init__.py').write_text(
        'assert False, "MMCV==2.2.0 is used but incompatible."')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'mmaction')
    with pytest.raises(StackError) as err:
        check_stack()
    assert 'MMCV==2.2.0 is used but incompatible' in str(err.value)
    assert '< 2.2.0' in str(err.value)


def test_missing_dependency_of_a_package(monkeypatch, tmp_path):
    package = tmp_path / 'mmaction'
    package.mkdir()
    (package / '__init__.py').write_text('import no_such_decoder')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'mmaction')
    with pytest.raises(StackError, match='needs no_such_decoder'):
        check_stack()
