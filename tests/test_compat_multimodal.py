"""MMAction2's models beside a transformers that its VindLU cannot use."""
import importlib
import json
import os
import subprocess
import sys
import sysconfig

import pytest
from mmengine.registry import MODELS

import mmbalance_plugin.registry  # noqa: F401  applies the shims
from mmbalance_plugin.compat import StackError

PART = 'mmaction.models.multimodal'


def test_models_survive_an_unusable_transformers(tmp_path, monkeypatch):
    """As transformers 5: present, but without what VindLU asks for."""
    import mmaction.models
    from mmaction.registry import MODELS as registry
    from mmaction.utils import dependency
    package = tmp_path / 'transformers'
    package.mkdir()
    (package / '__init__.py').write_text('')
    monkeypatch.syspath_prepend(tmp_path)
    for name in [*sys.modules]:
        if name.partition('.')[0] == 'transformers' or name.startswith(PART):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(dependency, 'WITH_MULTIMODAL', True)
    monkeypatch.setattr(registry, '_module_dict', {**registry.module_dict})
    monkeypatch.setattr(mmaction.models, 'multimodal', None)
    importlib.import_module(PART)
    with pytest.raises(StackError, match='installed transformers.*No module '
                       "named 'transformers.models'"):
        MODELS.build(dict(type='mmaction.VindLUVQA'))


REAL = """
import json, sys, warnings
warnings.simplefilter('ignore')
found = {}

def attempt(name, function):
    try:
        found[name] = repr(function())
    except Exception as error:
        found[name] = f'{type(error).__name__}: {error}'

def upstream():
    # MMAction2 as it would be without its other fault.
    from mmbalance_plugin.compat import drn
    drn.install()
    import mmaction.models

def build(backbone):
    from mmbalance_plugin.registry import MODELS
    return type(MODELS.build(dict(
        type='ModalityEncoder', backbone=backbone, feat_channels=8)).backbone)

if sys.argv[1] == 'upstream':
    attempt('upstream', upstream)
else:
    attempt('mmaction', lambda: build(dict(type='mmaction.ResNet', depth=18)))
    attempt('timm', lambda: build(dict(type='timm.models.resnet.ResNet')))
    import transformers
    attempt('transformers', lambda: build(dict(
        type='transformers.ViTModel', config=transformers.ViTConfig(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
            intermediate_size=8, image_size=16))))
    found['version'] = transformers.__version__
print('FOUND' + json.dumps(found))
"""


@pytest.mark.slow
def test_real_transformers(tmp_path, root):
    """In an environment of its own, over the packages of this one."""
    venv = tmp_path / 'venv'
    subprocess.run([sys.executable, '-m', 'venv', venv], check=True)
    python = venv / 'bin' / 'python'
    purelib = subprocess.check_output(
        [python, '-c', 'import sysconfig; '
         'print(sysconfig.get_paths()["purelib"])'], text=True).strip()
    with open(os.path.join(purelib, 'parent.pth'), 'w') as file:
        file.write(sysconfig.get_paths()['purelib'] + '\n')
    # timm on its own, without torchvision: its import fails.
    for packages in (['transformers>=5,<6'], ['--no-deps', 'timm>=1,<2']):
        done = subprocess.run(
            [python, '-m', 'pip', 'install', '-q', *packages],
            capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f'pip cannot install {packages[-1]}: {done.stderr}')

    def run(what):
        done = subprocess.run(
            [python, '-c', REAL, what], capture_output=True, text=True,
            env={**os.environ, 'PYTHONPATH': str(root)})
        assert 'FOUND' in done.stdout, done.stderr
        return json.loads(done.stdout.split('FOUND')[1])

    if 'Error' not in run('upstream')['upstream']:
        pytest.skip('upstream works here: is the shim still needed?')
    found = run('plugin')
    assert found['version'].startswith('5.')
    assert 'mmaction.models' in found['mmaction']
    assert 'transformers.models.vit' in found['transformers']
    assert 'timm needs torchvision, which is not installed' in found['timm']
