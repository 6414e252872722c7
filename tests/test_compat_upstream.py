"""Each shim is still needed, and does its work.

What upstream does by itself is seen in one process that never imports this
package. Where upstream works here (a repaired release, a torch with CUDA),
the "needed" half is skipped: then look whether the shim can go.
"""
import importlib
import json
import re
import sys
import warnings

import pytest
import torch

import mmbalance_plugin.registry  # noqa: F401  applies the shims
from mmbalance_plugin.compat import StackError, import_torchaudio
from mmbalance_plugin.compat.drn import _MissingDRN

UPSTREAM = """
import io, json, os
import torch
found = {}

def attempt(name, function):
    try:
        function()
        found[name] = None
    except Exception as error:
        found[name] = f'{type(error).__name__}: {error}'

def drn():
    import mmaction.models

def torchaudio():
    import torchaudio

def history_buffer():
    from mmengine.logging import HistoryBuffer
    file = io.BytesIO()
    torch.save(HistoryBuffer([1.0], [1]), file)
    file.seek(0)
    torch.load(file)

def launcher():
    from mmengine.dist import init_dist
    init_dist('pytorch', backend='gloo')

def cpu_ddp():
    import torch.distributed as dist
    from mmengine.model import MMDistributedDataParallel
    store = dist.TCPStore('127.0.0.1', 0, 1, True)
    dist.init_process_group('gloo', store=store, rank=0, world_size=1)
    MMDistributedDataParallel(torch.nn.Linear(1, 1), device_ids=[0])
    dist.destroy_process_group()

def package_lookup():
    from mmengine.utils import get_installed_path
    get_installed_path('mmaction')

os.environ.update(RANK='0', LOCAL_RANK='0', WORLD_SIZE='1',
                  MASTER_ADDR='127.0.0.1', MASTER_PORT='0')
for function in (drn, torchaudio, history_buffer, launcher, cpu_ddp,
                 package_lookup):
    attempt(function.__name__, function)
print('FOUND' + json.dumps(found))
"""


@pytest.fixture(scope='module')
def upstream(run_python):
    done = run_python('-c', UPSTREAM, CUDA_VISIBLE_DEVICES='')
    assert 'FOUND' in done.stdout, done.stderr
    return json.loads(done.stdout.split('FOUND')[1])


@pytest.mark.parametrize('name, expected', [
    ('drn', "No module named 'mmaction.models.localizers.drn'"),
    ('torchaudio', 'OSError: Could not load this library'),
    ('history_buffer', 'HistoryBuffer was not an allowed global'),
    ('launcher', '_cuda_setDevice|CUDA|NVIDIA'),
    ('cpu_ddp', 'device_ids and output_device arguments only work with'),
    ('package_lookup', "No module named 'pkg_resources'"),
])
def test_still_needed(upstream, name, expected):
    if upstream[name] is None:
        pytest.skip(f'upstream works here: is the {name} shim still needed?')
    assert re.search(expected, upstream[name])


def test_mmaction_models_import_and_build():
    import mmaction.models
    from mmengine.registry import MODELS
    net = MODELS.build(dict(type='mmaction.ResNet', depth=18, in_channels=1))
    net.eval()
    assert net(torch.zeros(1, 1, 32, 32)).shape == (1, 512, 1, 1)
    assert mmaction.models.DRN.__name__.endswith('DRN')


def test_drn_stand_in_gives_way_to_the_real_one(tmp_path, monkeypatch):
    import mmaction.models.localizers as localizers
    real = tmp_path / 'drn'
    real.mkdir()
    (real / '__init__.py').write_text('')
    (real / 'drn.py').write_text('DRN = "the real one"')
    name = 'mmaction.models.localizers.drn'
    monkeypatch.setattr(localizers, '__path__', [str(tmp_path)])
    for module in (name, f'{name}.drn'):
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert importlib.import_module(f'{name}.drn').DRN == 'the real one'


def test_drn_stand_in_cannot_be_built():
    with pytest.raises(NotImplementedError, match='issues/2714'):
        _MissingDRN()


def test_torchaudio_transforms():
    with warnings.catch_warnings():
        warnings.simplefilter('error', UserWarning)
        torchaudio = import_torchaudio()
    wave = torch.sin(torch.arange(4000) * 2 * torch.pi * 1000 / 16000)
    mel = torchaudio.transforms.Spectrogram(n_fft=400)(wave)
    # 1000 Hz of 16000 with 400 points lies in bin 25.
    assert mel.mean(-1).argmax() == 25
    half = torchaudio.transforms.Resample(16000, 8000)(wave)
    assert half.shape == (2000, )
    assert torchaudio.transforms.MelSpectrogram(
        16000, n_mels=8)(wave).shape[0] == 8


def test_torchaudio_impossible_is_one_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, 'torchaudio', None)
    with pytest.raises(StackError, match='torchaudio cannot be imported be'):
        import_torchaudio()
