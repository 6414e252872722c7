"""Configs that inherit from an installed package."""
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import mmaction
import pytest
from mmengine import utils
from mmengine.config import Config

import mmbalance_plugin.registry  # noqa: F401  applies the shims

TSN = 'recognition/tsn/tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_' \
    'kinetics400-rgb.py'


@pytest.fixture
def read(tmp_path):
    """Read a config of one base, from a folder that is nobody's."""

    def read(base, more=''):
        (tmp_path / 'own.py').write_text(f'_base_ = [{base!r}]\n{more}')
        return Config.fromfile(tmp_path / 'own.py')

    return read


@pytest.mark.parametrize('name', [
    'joint_av_digits.py', 'joint_av_digits', 'configs/joint_av_digits.py'
])
def test_base_of_this_package(read, root, name):
    cfg = read(f'mmbalance_plugin::{name}',
               'model = dict(head=dict(num_classes=7))')
    plain = Config.fromfile(root / 'configs/joint_av_digits.py')
    assert cfg.model.head.num_classes == 7
    cfg.model.head.num_classes = plain.model.head.num_classes
    # Nothing is added, no scope either: un-prefixed types stay MMAction2's.
    assert cfg.to_dict() == plain.to_dict()


def test_mistyped_base_of_this_package(read):
    with pytest.raises(FileNotFoundError, match='did you mean udi_av_digits'):
        read('mmbalance_plugin::udi_avdigits.py')


def test_the_current_folder_is_no_part_of_the_package(read, tmp_path,
                                                      monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('joint_av_digits.py').write_text('model = None\n')
    assert read('mmbalance_plugin::joint_av_digits.py').model is not None


def test_base_of_mmaction(read):
    cfg = read(f'mmaction::{TSN}')
    shipped = Path(mmaction.__file__).parent / '.mim/configs' / TSN
    assert cfg.model.cls_head.num_classes == 400
    assert cfg.model._scope_ == 'mmaction'
    assert cfg.keys() == Config.fromfile(shipped).keys()


def test_lookup_of_packages(tmp_path, monkeypatch):
    folder = str(Path(mmaction.__file__).parent)
    # The name of the import, and that of the index.
    assert utils.get_installed_path('mmaction') == folder
    assert utils.get_installed_path('mmaction2') == folder
    assert utils.is_installed('mmaction') and utils.is_installed(
        'mmaction2')
    assert not utils.is_installed('no-such-package')
    with pytest.raises(PackageNotFoundError):
        utils.get_installed_path('no-such-package')
    (tmp_path / 'no_one_folder').mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert not utils.is_installed('no_one_folder')
    with pytest.raises(RuntimeError, match='no_one_folder'):
        utils.get_installed_path('no_one_folder')


def test_a_real_pkg_resources_is_used(tmp_path, run_python):
    """Where setuptools still has it, MMEngine's own functions stay."""
    (tmp_path / 'pkg_resources.py').write_text('')
    done = run_python(
        '-c', 'import sys\n'
        f'sys.path.insert(0, {str(tmp_path)!r})\n'
        'from mmbalance_plugin.compat import config_packages as shim\n'
        'from mmengine.utils import get_installed_path as found\n'
        'shim.install()\n'
        'import mmengine.config.config as config\n'
        'assert config.get_installed_path is found\n'
        "assert found.__module__ == 'mmengine.utils.package_utils'\n"
        "assert 'torch' not in sys.modules\n")
    assert done.returncode == 0, done.stderr
