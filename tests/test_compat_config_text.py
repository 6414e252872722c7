"""No code from a checkpoint: configs inside, and files from elsewhere."""
import functools
import http.server
import threading

import pytest
import torch
from mmengine.config import Config
from mmengine.infer import BaseInferencer
from mmengine.runner import Runner, load_checkpoint, save_checkpoint
from torch import nn

import mmbalance_plugin.registry  # noqa: F401  applies the shims
from mmbalance_plugin.compat import UnsafeCheckpointError
from tests.engine.toy_run import toy_cfg, toy_runner

HOOK = dict(type='CheckpointHook', interval=1)
SCRIPT = [dict(acc=.1)] * 5


@pytest.fixture
def trap(tmp_path):
    """A config that leaves a mark when it is parsed, and the mark."""
    mark = tmp_path / 'this config was run'
    return f'open({str(mark)!r}, "w").close()\nmodel = dict()\n', mark


@pytest.fixture
def checkpoint(tmp_path, trap):
    """A checkpoint to resume from, with the trap in every place for it."""
    toy_runner(tmp_path / 'run', HOOK, SCRIPT, epochs=2).train()
    path = tmp_path / 'trap.pth'
    saved = torch.load(tmp_path / 'run/epoch_1.pth')
    saved['meta'].update(config=trap[0], cfg=trap[0])
    saved['message_hub']['runtime_info'].update(cfg=trap[0], config=trap[0])
    torch.save(saved, path)
    return str(path)


def test_the_trap_would_catch(trap):
    Config.fromstring(trap[0], '.py')
    assert trap[1].exists()


def test_resume_runs_no_config(tmp_path, checkpoint, trap):
    runner = toy_runner(
        tmp_path / 'resumed', HOOK, SCRIPT[:1], epochs=2, resume=True,
        load_from=checkpoint)
    runner.train()
    assert runner.epoch == 2
    assert not trap[1].exists()
    # Saved again it is text as ever, fit for safe loading.
    info = torch.load(tmp_path / 'resumed/epoch_2.pth')['message_hub'][
        'runtime_info']
    assert type(info['cfg']) is str


@pytest.mark.parametrize('entry', ['train', 'val', 'test'])
def test_loading_runs_no_config(tmp_path, checkpoint, trap, entry):
    cfg = toy_cfg(tmp_path / 'run', HOOK, SCRIPT, load_from=checkpoint)
    cfg.update({f'test_{key}': cfg[f'val_{key}']
                for key in ('dataloader', 'cfg', 'evaluator')})
    getattr(Runner.from_cfg(Config(cfg)), entry)()
    assert not trap[1].exists()


class Inferencer(BaseInferencer):

    def _init_pipeline(self, cfg):
        return None

    def _init_collate(self, cfg):
        return None

    def visualize(self, *args, **kwargs):
        return None

    def postprocess(self, *args, **kwargs):
        return None


def test_mmengines_inferencer_runs_no_config(checkpoint, trap):
    with pytest.raises(UnsafeCheckpointError, match='pass the config'):
        Inferencer(model=None, weights=checkpoint)
    assert not trap[1].exists()


@pytest.mark.parametrize('text, kind', [
    ('custom_imports = dict(imports="a")', '.py'),
    ('{"custom_imports": {"imports": "a"}}', '.json'),
])
def test_no_text_of_a_checkpoint_becomes_a_config(tmp_path, text, kind):
    path = str(tmp_path / 'a.pth')
    save_checkpoint(dict(meta=dict(cfg=text), state_dict={}), path)
    loaded = load_checkpoint(nn.Linear(1, 1), path)
    assert loaded['meta']['cfg'] == text
    with pytest.raises(UnsafeCheckpointError):
        Config.fromstring(loaded['meta']['cfg'], kind)


class Malicious:

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, 'w')


@pytest.fixture
def server(tmp_path):
    """Address under which tmp_path is served."""
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.func.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


def test_a_downloaded_file_runs_nothing(tmp_path, monkeypatch, server):
    """torch.hub's loader, which MMEngine calls, is unsafe by default."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))
    mark = tmp_path / 'this file was run'
    torch.save(dict(state_dict=Malicious(str(mark))), tmp_path / 'evil.pth')
    model = nn.Linear(2, 1)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'good.pth')
    with pytest.raises(UnsafeCheckpointError, match='open'):
        load_checkpoint(model, f'{server}/evil.pth')
    assert not mark.exists()
    twin = nn.Linear(2, 1)
    load_checkpoint(twin, f'{server}/good.pth')
    assert torch.equal(twin.weight, model.weight)
