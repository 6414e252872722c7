"""The config of docs/runs.md does what the page says."""
import re
from pathlib import Path

import torch
from mmengine.runner import Runner

from tests.engine.digits import digits_cfg, train

PAGE = Path(__file__).resolve().parents[2] / 'docs/runs.md'


def on_the_page(word):
    """What the block sets that has a word."""
    code, = (block for block in re.findall(
        r'```python\n(.*?)```', PAGE.read_text(), re.DOTALL)
        if word in block)
    names = {}
    exec(code, names)
    return {k: v for k, v in names.items() if not k.startswith('_')}


def test_classes_of_unequal_size(tmp_path):
    cfg = digits_cfg(tmp_path / 'run', dict(
        type='mmbalance_plugin.UDITrainLoop', max_epochs=1), n_train=64,
        n_val=32)
    cfg.merge_from_dict(on_the_page('unequal classes'))
    runner = train(cfg)
    weight = torch.tensor(cfg.model.head.loss_cls.class_weight)
    logits, targets = torch.randn(20, 10), torch.arange(20) % 10
    torch.testing.assert_close(
        runner.model.head.criterion(logits, targets),
        torch.nn.functional.cross_entropy(logits, targets, weight))
    found = runner.train_loop.assembled_metrics
    assert list(found)[:2] == ['acc/top1', 'acc/top5']
    assert found['acc/top5'] > found['acc/top1']


def test_a_backbone_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = on_the_page('init_cfg')
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
