"""What the tools' tests share: a small config, and calling a tool."""
import importlib.util
import sys
from pathlib import Path

import pytest

from mmbalance_plugin.cli import arguments, launch

HERE = Path(__file__).parent

# As a user of MMAction2 writes it: the toolkit's scope, plugin types by
# their prefix, nothing imported by hand.
CONFIG = """
default_scope = 'mmaction'


def encoder(channels):
    return dict(
        backbone=dict(
            type='mmbalance_plugin.MLPBackbone', in_channels=channels,
            channels=(8, ), norm_cfg=None),
        feat_channels=8)


model = dict(
    type='mmbalance_plugin.MultimodalRecognizer',
    encoders=dict(first=encoder(4), second=encoder(3)),
    head=dict(type='mmbalance_plugin.ConcatHead', num_classes=2))
del encoder
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='cli_toy.ToyDataset'))
val_dataloader = test_dataloader = train_dataloader
val_evaluator = test_evaluator = dict(
    type='mmbalance_plugin.MultimodalMetric')
val_cfg = dict()
test_cfg = dict()
train_cfg = dict(by_epoch=True, max_epochs=2)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
default_hooks = dict(
    checkpoint=dict(type='CheckpointHook', interval=1, save_best='acc/top1'))
randomness = dict(seed=7)
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A small config; its folder is the current one."""
    path = tmp_path / 'toy.py'
    path.write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    return path


def tool(root, name):
    spec = importlib.util.spec_from_file_location(
        f'tools_{name}', root / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def main(root, monkeypatch):
    """Call a tool with a command line, in this process."""

    def call(name, *args):
        monkeypatch.setattr(sys, 'argv', [f'{name}.py', *map(str, args)])
        tool(root, name).main()

    return call


@pytest.fixture
def train_cfg_of(root):
    """The config that a command line of train.py leads to."""

    def parse(*args):
        parsed = arguments.parse_args(
            tool(root, 'train').build_parser(), [*map(str, args)])
        cfg = launch.load_config(parsed.config, parsed.cfg_options)
        return launch.apply_train_args(cfg, parsed)

    return parse
