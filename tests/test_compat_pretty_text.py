"""The text of a config is formatted once, and never an old one."""
from unittest import mock

from mmengine.config import Config
from mmengine.config import config as mmengine_config

import mmbalance_plugin.registry  # noqa: F401  applies the shims
from tests.engine.toy_run import toy_runner


def formatting():
    return mock.patch.object(mmengine_config, 'FormatCode',
                             wraps=mmengine_config.FormatCode)


def test_a_run_with_many_checkpoints_formats_its_config_once(tmp_path):
    with formatting() as formatted:
        runner = toy_runner(
            tmp_path, dict(type='CheckpointHook', interval=1),
            [dict(score=i) for i in range(5)], epochs=5,
            visualizer=dict(type='Visualizer', name='pretty', vis_backends=[
                dict(type='LocalVisBackend')]))
        runner.train()
    assert len(list(tmp_path.glob('epoch_*.pth'))) == 5
    assert formatted.call_count == 1


def test_a_changed_config_has_its_own_text():
    cfg = Config(dict(a=dict(b=1)))
    assert cfg.pretty_text == 'a = dict(b=1)\n'
    cfg.a.b = 2
    assert cfg.pretty_text == 'a = dict(b=2)\n'
    # Equal, but not the same to Python's eye or to a reader's.
    assert Config(dict(a=dict(b=True))).pretty_text == 'a = dict(b=True)\n'
    assert Config(dict(a=dict(b=1))).pretty_text == 'a = dict(b=1)\n'
    unformatted = Config(dict(a=dict(b=1)), format_python_code=False)
    with formatting() as formatted:
        assert unformatted.pretty_text.startswith('a=dict(')
    assert not formatted.called
