"""Configs with encoders of other libraries: each trains a step.

With small random weights in the place of those that would be fetched. A
library that is not there, or cannot be imported, is a skip by name.
"""
import importlib
import json

import pytest
import torch
from mmengine.runner import Runner
from torch import nn

from mmbalance_plugin.cli.prepare import main
from mmbalance_plugin.registry import MODELS
from tests.configs.shipped import BACKBONES, CONFIGS, shrunk
from tests.datasets.media_trees import write_video
from tests.engine.digits import assert_same


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    """A prepared set of nine clips."""
    folder = tmp_path_factory.mktemp('clips')
    for label in range(3):
        for take in range(3):
            write_video(folder / f'my/{label}/{take}.mp4', label)
    assert main(['clips', '--source', str(folder / 'my'), '--out',
                 str(folder / 'out'), '--preset', 'tiny']) == 0
    return folder / 'out'


def needed(library):
    """A broken one, such as torchvision beside a CPU torch, is none."""
    try:
        return importlib.import_module(library)
    except Exception as error:
        pytest.skip(f'{library} cannot be imported: {error}')


def timm(encoders, folder, monkeypatch):
    """As the files that it would fetch."""
    library, given = needed('timm'), {}
    create = library.create_model

    def loaded(*args, pretrained, **kwargs):
        assert pretrained
        model = create(*args, **kwargs)
        for value in model.parameters():
            nn.init.uniform_(value, 0., .05)
        name = 'audio' if 'in_chans' in kwargs else 'visual'
        given[name] = {k: v.clone() for k, v in model.state_dict().items()}
        return model

    monkeypatch.setattr(library, 'create_model', loaded)
    return given


def torchvision(encoders, *_):
    needed('torchvision')
    assert encoders['visual']['backbone'].pop('weights') == 'DEFAULT'
    return {}


def mmpretrain(encoders, folder, _):
    needed('mmpretrain.models')
    backbone = encoders['visual']['backbone']
    state = MODELS.build({k: v for k, v in backbone.items()
                          if k != 'init_cfg'}).state_dict()
    backbone['init_cfg']['checkpoint'] = str(folder / 'file.pth')
    torch.save({f'backbone.{k}': v for k, v in state.items()},
               folder / 'file.pth')
    return dict(visual=state)


def hugging_face(encoders, folder, _):
    library = needed('transformers')
    made = dict(
        audio=library.Wav2Vec2Model(library.Wav2Vec2Config(
            num_hidden_layers=1, intermediate_size=16, num_attention_heads=2,
            conv_dim=(8, ) * 7)),
        visual=library.ResNetModel(library.ResNetConfig(
            hidden_sizes=(8, 512), depths=(1, 1), layer_type='basic')))
    for m, model in made.items():
        model.save_pretrained(folder / m)
        encoders[m]['backbone']['pretrained_model_name_or_path'] = str(
            folder / m)
    return {m: model.state_dict() for m, model in made.items()}


SMALL = dict(timm_clips=timm, torchvision_clips=torchvision,
             mmpretrain_clips=mmpretrain, hugging_face_clips=hugging_face)


@pytest.mark.parametrize('name', BACKBONES)
def test_it_trains_from_its_weights(name, clips, tmp_path, monkeypatch):
    monkeypatch.setenv('MMBALANCE_CLIPS', str(clips))
    monkeypatch.chdir(tmp_path)
    text = (CONFIGS / name).read_text()
    assert text.startswith(f'# python tools/train.py configs/{name}\n')
    cfg = shrunk(name, clips, tmp_path / 'run')
    kind = name.split('/')[1][:-len('.py')]
    given = SMALL[kind](cfg.model.encoders, tmp_path, monkeypatch)
    runner = Runner.from_cfg(cfg)
    before = {}

    def keep(*_):
        for m, encoder in runner.model.encoders.items():
            before[m] = {k: v.clone() for k, v in
                         encoder.backbone.state_dict().items()}
        return original(*_)

    original = runner.train_loop.run_iter
    monkeypatch.setattr(runner.train_loop, 'run_iter', keep)
    runner.train()
    for m, state in given.items():
        assert_same({k: v for k, v in before[m].items() if k in state},
                    {k: v for k, v in state.items() if k in before[m]})
    for m, encoder in runner.model.encoders.items():
        for key, value in encoder.backbone.named_parameters():
            assert value.isfinite().all()
            # Each has a gradient, as DDP wants it.
            assert not torch.equal(value, before[m][key]), key
    summary = json.loads((tmp_path / 'run/summary.json').read_text())
    assert {'acc/top1_audio', 'acc/top1_visual'} <= set(summary['test'])
