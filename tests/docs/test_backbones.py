"""docs/backbones.md, executed."""
import re
import sys
from pathlib import Path

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.utils import import_modules_from_strings
from torch import nn

from mmbalance_plugin.apis import MultimodalInferencer
from mmbalance_plugin.registry import MODELS
from tests.configs.test_backbones import needed
from tests.datasets.av_clips import build as build_clips
from tests.datasets.av_clips import write_clips
from tests.dist_utils import run_ranks
from tests.engine.digits import DATA, assert_same, digits_cfg, train, weights

PAGE = Path(__file__).resolve().parents[2] / 'docs/backbones.md'
SMALL = dict(n_train=64, n_val=32)
UDI = dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=1,
           anchor='visual')
PICTURES, MAPS, SOUND = (
    torch.randn(shape) for shape in (
        (3, 2, 3, 32, 32), (3, 1, 32, 32), (3, 64, 128)))
TEXTS = torch.tensor([[2, 7, 5, 0], [2, 4, 9, 8], [2, 3, 0, 0]])


def block(title):
    code, = re.findall(rf'```python\n# {title}\b[^\n]*\n(.*?)```',
                       PAGE.read_text(), re.DOTALL)
    return code


def on_the_page(title):
    found = {}
    exec(block(title), found)
    return {k: v for k, v in found.items() if not k.startswith('_')}


@pytest.fixture
def my_parts(tmp_path, monkeypatch):
    """The page's files, saved as what they say they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    saved = []

    def save(*names):
        saved.extend(names)
        for name in names:
            (tmp_path / f'{name}.py').write_text(block(f'{name}.py'))
        return tmp_path

    yield save
    for name in saved:
        sys.modules.pop(name, None)


def build(encoders, **preprocessors):
    init_default_scope('mmaction')
    model = MODELS.build(dict(
        type='mmbalance_plugin.MultimodalRecognizer',
        encoders=encoders,
        head=dict(type='mmbalance_plugin.DecisionHead', num_classes=3),
        data_preprocessor=dict(
            type='mmbalance_plugin.MultimodalDataPreprocessor',
            preprocessors={m: preprocessors.get(m) for m in encoders})))
    model.init_weights()
    return model


def one_step(model, data_samples=None, **inputs):
    """Names of the backbones' weights that a step changes, by modality."""
    before = {k: v.clone() for k, v in model.named_parameters()}
    samples = data_samples or [
        ActionDataSample().set_gt_label(i) for i in range(3)]
    model.train()
    losses = model.train_step(
        dict(inputs=inputs, data_samples=samples),
        OptimWrapper(torch.optim.SGD(model.parameters(), lr=.1)))
    assert losses['loss'].isfinite()
    changed = {m: set() for m in inputs}
    for name, value in model.named_parameters():
        path = name.split('.')
        if path[0] == 'encoders' and not torch.equal(value, before[name]):
            changed[path[1]].add('.'.join(path[3:]))
    assert all(changed.values())
    return changed


# ---- whose backbones: see also tests/configs/test_backbones.py -------------
def test_transformers(tmp_path):
    library = needed('transformers')
    encoders = on_the_page('transformers')['encoders']
    small = dict(num_hidden_layers=1, intermediate_size=16)
    made = dict(
        audio=library.ASTModel(library.ASTConfig(max_length=64, **small)),
        text=library.BertModel(library.BertConfig(vocab_size=10, **small)))
    for m, model in made.items():
        model.save_pretrained(tmp_path / m)
        encoders[m]['backbone']['pretrained_model_name_or_path'] = str(
            tmp_path / m)
    model = build(encoders, text=dict(dtype='int64'))
    for m in made:
        mine = model.encoders[m].backbone.state_dict()
        theirs = made[m].state_dict()
        assert_same(mine, {k: theirs[k] for k in mine})
    changed = one_step(model, audio=SOUND, text=TEXTS)
    # Every weight has a gradient, as DDP wants it.
    assert changed['text'] == {
        k for k, _ in model.encoders.text.backbone.named_parameters()}
    # Padding says nothing.
    text = model.encoders.text.eval()
    torch.testing.assert_close(
        text(nn.functional.pad(TEXTS, (0, 4))), text(TEXTS),
        rtol=1e-4, atol=1e-4)


# ---- text ------------------------------------------------------------------
def test_text_is_a_modality(my_parts):
    folder = my_parts('my_texts', 'my_text_config')
    (folder / 'data').symlink_to(DATA)
    cfg = Config.fromfile(folder / 'my_text_config.py')
    cfg.merge_from_dict(dict(
        work_dir=str(folder / 'run'),
        train_cfg=dict(max_epochs=2),
        train_dataloader=dict(dataset=dict(n_pairs=768)),
        val_dataloader=dict(dataset=dict(n_pairs=256)),
        test_dataloader=dict(dataset=dict(n_pairs=256))))
    runner = train(cfg)
    found = runner.train_loop.assembled_metrics
    assert runner.train_loop.choice.anchor in ('audio', 'text')
    assert found['acc/top1_text'] > .3 and found['acc/top1_audio'] > .15
    # Alone, and with another filling, a text says the same.
    inferencer = MultimodalInferencer(cfg, folder / 'run/epoch_6.pth')
    item = runner.test_loop.dataloader.dataset[0]['inputs']
    assert item['text'].dtype == torch.int64
    longer = dict(item, text=item['text'].tolist() + [0, 0])
    first, second = inferencer([item, longer])
    for m in ('audio', 'text'):
        assert first.modalities[m].scores == pytest.approx(
            second.modalities[m].scores, abs=1e-6)


def test_captions_of_clips(my_parts):
    folder = my_parts('my_words')
    import_modules_from_strings(['my_words'])
    write_clips(folder)
    page = on_the_page('words')
    dataset = build_clips(
        folder, 'path,label,caption\nwhole.mp4,0,A dog barks\n'
        'blind.wav,2,dog\nmute.mp4,1,"a cat, a door"\n', page['pipeline'],
        missing='mask')
    data = pseudo_collate([dataset[i] for i in range(3)])
    text = torch.stack(data['inputs']['text'])
    assert text.shape == (3, 16) and text.dtype == torch.int64
    assert (text > 0).sum(1).tolist() == [3, 1, 4]
    assert text[1, 0] == text[0, 1] and text[2, 0] == text[0, 0]
    # A clip without sound is told by its caption.
    changed = one_step(
        build(page['encoders'], text=dict(dtype='int64')),
        data['data_samples'], **data['inputs'])
    assert changed['text'] == {'weight'}


# ---- weights, frozen parts, learning rates ---------------------------------
class Seen(Hook):
    """Weights and learning rates of each stage when it begins."""

    def __init__(self):
        self.weights, self.rates = {}, {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        name = runner.train_loop.stage.name
        if name not in self.weights:
            self.weights[name] = weights(runner)
            names = {id(p): k for k, p in runner.model.named_parameters()}
            self.rates[name] = {
                names[id(p)]: group['lr']
                for group in runner.optim_wrapper.param_groups
                for p in group['params'] if p.requires_grad}


def run(cfg):
    runner, seen = Runner.from_cfg(cfg), Seen()
    runner.register_hook(seen)
    runner.train()
    return runner, seen


def constant_net():
    """A backbone that comes with its weights, as pretrained=True does."""
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(),
                        nn.Conv2d(8, 16, 3))
    generator = torch.Generator().manual_seed(7)
    for value in net.parameters():
        value.data.uniform_(-.1, .1, generator=generator)
    return net


def own(state, modality, part='backbone'):
    start = f'encoders.{modality}.{part}.'
    return {k[len(start):]: v for k, v in state.items()
            if k.startswith(start)}


def test_pretrained_weights_are_those_of_every_stage(tmp_path):
    """UDI's follower starts anew: from the file, not from the seed."""
    cfg = digits_cfg(tmp_path / 'run', UDI, **SMALL)
    donor = MODELS.build(dict(cfg.model.encoders.visual.backbone))
    torch.save({f'backbone.{k}': torch.rand_like(v.float()).to(v)
                for k, v in donor.state_dict().items()},
               tmp_path / 'file.pth')
    cfg.model.encoders.audio.backbone.init_cfg = dict(
        type='Pretrained', checkpoint=str(tmp_path / 'file.pth'),
        prefix='backbone.')
    given = {k[9:]: v for k, v in torch.load(tmp_path / 'file.pth').items()}
    runner, seen = run(cfg)
    stages = [stage.name for stage in runner.train_loop.stages]
    assert stages == ['unimodal_audio', 'unimodal_visual', 'follower_audio']
    for name in ('unimodal_audio', 'follower_audio'):
        assert_same(own(seen.weights[name], 'audio'), given)
    # An encoder of that run, for another one.
    cfg = digits_cfg(tmp_path / 'next', dict(max_epochs=1), **SMALL)
    cfg.model.encoders.visual.init_cfg = dict(
        type='Pretrained', prefix='encoders.visual.',
        checkpoint=str(tmp_path / 'run/epoch_3.pth'))
    trained = weights(runner)
    _, seen = run(cfg)
    for state in seen.weights.values():
        assert_same(own(state, 'visual'), own(trained, 'visual'))


def test_weights_of_a_constructor_are_those_of_every_stage(tmp_path):
    cfg = digits_cfg(tmp_path / 'run', UDI, **SMALL)
    cfg.model.encoders.audio = dict(
        backbone=dict(type=f'{__name__}.constant_net'), feat_channels=16)
    _, seen = run(cfg)
    given = constant_net().state_dict()
    for name in ('unimodal_audio', 'follower_audio'):
        assert_same(own(seen.weights[name], 'audio'), given)


def test_what_is_frozen_stays_so_in_every_stage(tmp_path):
    cfg = digits_cfg(tmp_path / 'run', UDI, **SMALL)
    cfg.model.encoders.audio = dict(
        backbone=dict(type=f'{__name__}.constant_net'), feat_channels=16,
        frozen=('0', '1'))
    runner, seen = run(cfg)
    mine = own(weights(runner), 'audio')
    given = constant_net().state_dict()
    # Statistics of BatchNorm among them.
    kept = {k for k, v in mine.items() if torch.equal(v, given[k])}
    assert kept == {k for k in given if k[0] in '01'}
    trained = own(seen.rates['follower_audio'], 'audio')
    assert set(trained) == {'3.weight', '3.bias'}


def frozen_run(folder):
    """In each rank; the weights afterwards."""
    world = get_world_size()
    cfg = digits_cfg(folder, UDI, batch_size=32 // world, norm=False, **SMALL)
    cfg.model.encoders.audio = dict(
        backbone=dict(type=f'{__name__}.constant_net'), feat_channels=16,
        frozen=('0', '1'))
    cfg.launcher = 'none' if world == 1 else 'pytorch'
    return weights(train(cfg))


@pytest.mark.slow
def test_what_is_frozen_stays_so_on_two_ranks(tmp_path):
    two = run_ranks(frozen_run, 2, str(tmp_path / 'two'))
    assert_same(*two)
    one, given = frozen_run(tmp_path / 'one'), constant_net().state_dict()
    for key, value in own(two[0], 'audio').items():
        assert torch.equal(value, given[key]) == (key[0] in '01'), key
    for key, value in one.items():
        torch.testing.assert_close(two[0][key], value, rtol=1e-3, atol=1e-4)


def test_frozen_stages_and_names():
    changed = one_step(build(on_the_page('frozen')['encoders']),
                       visual=PICTURES, audio=MAPS)
    for names in changed.values():
        assert {name.split('.')[0] for name in names} == {
            'layer2', 'layer3', 'layer4'}


def test_learning_rates_of_parts_hold_in_every_stage(tmp_path):
    cfg = digits_cfg(
        tmp_path / 'run',
        dict(UDI, controller=dict(dynamic=False)), **SMALL)
    cfg.merge_from_dict(on_the_page('lr_mult'))
    _, seen = run(cfg)
    base = cfg.optim_wrapper.optimizer.lr
    assert set(seen.rates) == {
        'unimodal_audio', 'unimodal_visual', 'follower_audio'}
    for stage, rates in seen.rates.items():
        for name, rate in rates.items():
            slow = name.startswith('encoders.audio.backbone')
            assert rate == pytest.approx(base * (.1 if slow else 1)), name
        backbone = f'encoders.{stage.split("_")[1]}.backbone'
        assert any(name.startswith(backbone) for name in rates)
