import sys

import pytest
from mmengine.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    TRANSFORMS,
    DefaultScope,
    Registry,
)

from mmbalance_plugin import registry as plugin
from mmbalance_plugin.registry import PluginImportError, PluginRegistry

PAIRS = [(MODELS, plugin.MODELS), (DATASETS, plugin.DATASETS),
         (DATA_SAMPLERS, plugin.DATA_SAMPLERS),
         (TRANSFORMS, plugin.TRANSFORMS), (METRICS, plugin.METRICS),
         (LOOPS, plugin.LOOPS), (HOOKS, plugin.HOOKS),
         (OPTIM_WRAPPERS, plugin.OPTIM_WRAPPERS)]
IDS = [ours.name for _, ours in PAIRS]


class Thing:

    def __init__(self, child=None):
        self.child = child


@pytest.fixture
def thing():
    """A class registered as mmbalance_plugin.TestThing in MODELS."""
    plugin.MODELS.register_module(name='TestThing', module=Thing)
    yield Thing
    del plugin.MODELS.module_dict['TestThing']


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Registry with one location; its source is the argument."""

    def build(source):
        (tmp_path / 'mmb_broken.py').write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, 'mmb_broken', raising=False)
        return PluginRegistry(
            'thing',
            parent=Registry('thing', scope='mmengine'),
            scope='mmbalance_plugin',
            locations=['mmb_broken'])

    return build


@pytest.mark.parametrize('root_registry, ours', PAIRS, ids=IDS)
def test_sibling_of_mmaction(root_registry, ours):
    assert ours.parent is root_registry
    assert ours.scope == 'mmbalance_plugin'
    assert root_registry.children['mmbalance_plugin'] is ours


@pytest.mark.parametrize('_, ours', PAIRS, ids=IDS)
def test_every_location_imports(_, ours):
    ours.import_from_location()


@pytest.mark.parametrize('scope', [None, 'mmaction', 'mmbalance_plugin'])
def test_prefixed_type_from_any_scope(thing, scope):
    if scope is not None:
        DefaultScope.get_instance('test', scope_name=scope)
    built = MODELS.build(
        dict(
            type='mmbalance_plugin.TestThing',
            child=dict(type='mmbalance_plugin.TestThing')))
    assert isinstance(built, thing)


def test_mmaction_types_resolve_unprefixed_under_their_scope(thing):
    from mmaction.models.backbones import ResNet
    DefaultScope.get_instance('test', scope_name='mmaction')
    assert MODELS.build(dict(type='ResNet', depth=18)).__class__ is ResNet
    nested = plugin.MODELS.build(dict(type='ResNet', depth=18))
    assert nested.__class__ is ResNet


def test_unknown_type_stays_a_key_error():
    with pytest.raises(KeyError, match='NoSuchThing is not in the'):
        MODELS.build(dict(type='mmbalance_plugin.NoSuchThing'))


def test_broken_import_names_location_and_cause(broken):
    ours = broken('import no_such_package_at_all\n')
    with pytest.raises(PluginImportError) as caught:
        ours.parent.build(dict(type='mmbalance_plugin.X'))
    assert 'mmb_broken' in str(caught.value)
    assert "No module named 'no_such_package_at_all'" in str(caught.value)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    # MMEngine swallows ImportErrors, so it must not be one.
    assert not isinstance(caught.value, ImportError)


def test_first_error_is_kept(broken):
    # On a second import the class would be "already registered", or the
    # second try may even pass with half of the components missing.
    ours = broken('import sys\n'
                  'first = not hasattr(sys, "_mmb_tried")\n'
                  'sys._mmb_tried = True\n'
                  'if first: raise ValueError("the real cause")\n'
                  'raise KeyError("already registered")\n')
    try:
        for _ in range(2):
            with pytest.raises(PluginImportError, match='the real cause'):
                ours.get('X')
    finally:
        del sys._mmb_tried


# A package that imports on access, as transformers does.
LAZY = """
def __getattr__(name):
    raise RuntimeError('no GPU') if name == 'Net' else AttributeError(name)
"""


@pytest.mark.parametrize('name, source, reason', [
    ('mmpretrain.ResNet', None, 'mmpretrain is not installed'),
    ('timm.models.resnet.ResNet', 'import torchvision_of_nobody',
     'timm needs torchvision_of_nobody, which is not installed'),
    ('mmb_odd.Net', 'from torch import no_such_function',
     "mmb_odd cannot be imported: ImportError: cannot import name 'no_such"),
    ('mmb_odd.Net', LAZY, 'mmb_odd cannot be imported: RuntimeError: no GPU'),
])
@pytest.mark.parametrize('scope', ['mmaction', 'mmbalance_plugin'])
def test_failed_import_behind_a_type_is_named(
        tmp_path, monkeypatch, scope, name, source, reason):
    """Of whatever is built inside a component of this package."""
    package = name.partition('.')[0]
    if source is None:
        monkeypatch.setitem(sys.modules, package, None)
    else:
        (tmp_path / f'{package}.py').write_text(source + '\n')
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, package, raising=False)
    DefaultScope.get_instance('test', scope_name=scope)
    with pytest.raises(PluginImportError) as caught:
        MODELS.build(dict(
            type='mmbalance_plugin.ModalityEncoder', feat_channels=8,
            backbone=dict(type=name)))
    assert str(caught.value).startswith(f'{name} cannot be built: {reason}')


@pytest.mark.parametrize('name', [
    'Odd', 'torch.nn.Odd', 'torch.odd.Odd', 'mmaction.Odd',
    'mmbalance_plugin.Odd'
])
def test_a_wrong_name_is_no_failed_import(name):
    with pytest.raises(KeyError, match=f'{name} is not in the'):
        plugin.MODELS.build(dict(type=name))


def test_missing_mmcv_is_not_swallowed(run_python):
    done = run_python(
        '-c', 'import sys; sys.modules["mmcv"] = None\n'
        'from mmengine.registry import MODELS\n'
        'MODELS.build(dict(type="mmbalance_plugin.CLUBLoss"))')
    last = done.stderr.strip().splitlines()[-1]
    assert 'StackError: mmcv is not installed' in last
    assert 'pip install "mmbalance_plugin[mmcv-lite]"' in last
