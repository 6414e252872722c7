"""The config of docs/runs.md does what the page says."""
import re
from pathlib import Path

import torch
from mmengine.runner import Runner

from tests.engine.digits import digits_cfg

PAGE = Path(__file__).resolve().parents[2] / 'docs/runs.md'


def test_a_backbone_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.DOTALL)
    names = {}
    exec(code, names)
    cfg = digits_cfg(tmp_path / 'run', dict(max_epochs=1), n_train=64,
                     n_val=32)
    backbone = Runner.from_cfg(cfg.copy()).model.encoders['visual'].backbone
    weights = {k: torch.rand_like(v.float()).to(v)
               for k, v in backbone.state_dict().items()}
    torch.save({f'backbone.{k}': v for k, v in weights.items()},
               'detector.pth')
    cfg.merge_from_dict(dict(model=names['model']))
    runner = Runner.from_cfg(cfg)
    runner.model.init_weights()
    mine = runner.model.encoders['visual'].backbone.state_dict()
    assert all(torch.equal(mine[k], v) for k, v in weights.items())
