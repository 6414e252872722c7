"""docs/extending.md, executed: parts from a file outside of the package."""
import copy
import math
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.utils import import_modules_from_strings
from sklearn.neighbors import NearestCentroid
from torch.nn.functional import cross_entropy

from mmbalance_plugin.engine.features import feature_bank
from mmbalance_plugin.registry import DATASETS, MODELS
from tests.engine.digits import (
    assert_same,
    digits_cfg,
    loader,
    train,
    weights,
)
from tests.engine.two_digits import two_digits_cfg
from tests.media_utils import write_clip

DOC = Path(__file__).resolve().parents[1] / 'docs' / 'extending.md'
SMALL = dict(n_train=96, n_val=64)


def on_the_page(word, base=None):
    """What the page's block of a config sets, the one that has a word."""
    block, = (b for b in re.findall(r'```python\n(.*?)```', DOC.read_text(),
                                    re.DOTALL)
              if word in b and not b.startswith('# my_parts.py'))
    found = dict(_base_=base)
    exec(block, found)
    return {k: v for k, v in found.items() if not k.startswith('_')}


@pytest.fixture(scope='module')
def my_parts(tmp_path_factory):
    """The page's own code blocks, saved as the file they say they are."""
    blocks = re.findall(r'```python\n(# my_parts.py.*?)```', DOC.read_text(),
                        re.DOTALL)
    assert len(blocks) == 10
    folder = tmp_path_factory.mktemp('parts')
    (folder / 'my_parts.py').write_text('\n'.join(blocks))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        import_modules_from_strings(['my_parts'])
        yield 'my_parts'
    sys.modules.pop('my_parts', None)


def test_a_head_and_a_loss_from_ones_own_file(my_parts, tmp_path):
    cfg = digits_cfg(
        tmp_path / 'joint', dict(max_epochs=1), head='ProductHead')
    runner = train(cfg)
    assert type(runner.model.head).__module__ == my_parts
    assert 'acc/top1_audio' in runner.train_loop.assembled_metrics

    loop = dict(
        type='mmbalance_plugin.UDITrainLoop',
        max_epochs=1,
        complementarity=None,
        consistency=dict(type='mmbalance_plugin.CosineConsistency'))
    runner = train(digits_cfg(tmp_path / 'udi', loop))
    guidance = runner.train_loop.guidance
    assert type(guidance.losses['con']).__module__ == my_parts


def test_a_data_set_from_ones_own_file(my_parts, tmp_path):
    for name in 'abc':
        write_clip(tmp_path / f'{name}.mp4', frames=2)
    (tmp_path / 'pets.csv').write_text(
        'path,label,split\na.mp4,dog,train\nb.mp4,cat,test\n'
        'c.mp4,cat,train\n')
    dataset = DATASETS.build(
        dict(type='mmbalance_plugin.PetsDataset', split='train',
             ann_file=str(tmp_path / 'pets.csv'), pipeline=[],
             data_prefix=dict(video=str(tmp_path))))
    assert type(dataset).__module__ == my_parts
    assert [dataset.get_data_info(i)['label'] for i in range(2)] == [1, 0]
    assert len(dataset) == 2


def test_a_backbone_from_ones_own_file(my_parts, tmp_path):
    cfg = digits_cfg(tmp_path, dict(max_epochs=1))
    cfg.model.encoders.audio = dict(
        backbone=dict(type='mmbalance_plugin.TwoConvolutions'),
        feat_channels=32)
    runner = train(cfg)
    backbone = runner.model.encoders.audio.backbone
    assert type(backbone).__module__ == my_parts
    assert 'acc/top1_audio' in runner.train_loop.assembled_metrics


# ---- a method through each door -------------------------------------------
def joint(tmp_path, name='run', **merge):
    return digits_cfg(tmp_path / name, dict(max_epochs=1), head='ConcatHead',
                      **SMALL, **merge)


def test_forward_a_transform_of_features(my_parts, tmp_path):
    cfg = joint(tmp_path)
    page = on_the_page('ModalityDropout', cfg)['model']
    assert page.pop('_delete_') and page['p'] == .3
    plain = train(cfg)

    cfg = joint(tmp_path, 'none')
    cfg.model = dict(page, p=0.)
    none = train(cfg)
    assert type(none.model).__module__ == my_parts
    assert_same(weights(none), weights(plain))

    model = MODELS.build(dict(page, p=.5))
    record = SimpleNamespace(targets=torch.zeros(4000))
    features = dict(a=torch.ones(4000, 3), v=torch.ones(4000, 2))
    kept = {m: f.any(1) for m, f in model.drop(features, record).items()}
    assert (kept['a'] | kept['v']).all()
    for m in 'av':
        assert kept[m].float().mean() == pytest.approx(.75, abs=.03)
    again = model.drop(features, record)
    assert all(torch.equal(again[m].any(1), kept[m]) for m in 'av')


def test_gradient_coefficients(my_parts, tmp_path):
    wrapper = on_the_page('MyMLB')['optim_wrapper']
    wrapper['method']['log_interval'] = 1
    runner = train(joint(tmp_path, optim_wrapper=wrapper))
    assert type(runner.optim_wrapper.method).__module__ == my_parts
    last, scalars = runner.optim_wrapper.method.last, \
        runner.message_hub.log_scalars
    for m, score in last['scores'].items():
        [other] = [s for o, s in last['scores'].items() if o != m]
        excess = 9. if other > score else 1.
        k = 1 + excess * math.tanh(.5 * (other / score - 1))
        assert last['coefficients'][m].item() == pytest.approx(k, rel=1e-5)
        assert scalars[f'train/mymlb_coefficient_{m}'].current() == \
            pytest.approx(k, rel=1e-5)


def test_objective_a_term(my_parts, tmp_path):
    page = on_the_page('my_mimo.py')['model']
    init_default_scope('mmaction')
    cfg = joint(tmp_path, model=page, norm=False)
    model = MODELS.build(cfg.model)
    dataset = DATASETS.build(loader('train', 96).pop('dataset'))
    data = model.data_preprocessor(
        pseudo_collate([dataset[i] for i in range(8)]), True)
    losses = model(**data, mode='loss')
    assert list(losses) == ['loss_mimo'] and model.fuses
    out = model(data['inputs'])
    targets = torch.cat([s.gt_label for s in data['data_samples']])
    own = [cross_entropy(z, targets) for z in out['unimodal'].values()]
    worst = .2 * sum((x / .2).exp() for x in own).log()
    expected = cross_entropy(out['logits'], targets) + 2 * worst
    assert losses['loss_mimo'].item() == pytest.approx(
        expected.item(), rel=1e-5)
    runner = train(cfg)
    assert runner.message_hub.get_scalar('train/loss_mimo').current() > 0


def test_what_a_term_is_defined_for(my_parts, tmp_path):
    def trained(kind):
        return train(two_digits_cfg(
            tmp_path / kind, dict(max_epochs=1), head='ConcatHead', **SMALL,
            model=dict(objective=[dict(type=f'mmbalance_plugin.{kind}')])))

    assert trained('FusedTwice').message_hub.get_scalar(
        'train/loss_cls').current() > 0
    with pytest.raises(ValueError, match='^MyMIMO is defined for one class '
                       r".*give it label_kinds = \('multi', \)$"):
        trained('MyMIMO')


def test_training_step_several_gradients(my_parts, tmp_path, monkeypatch):
    page = on_the_page('PCGrad')['model']
    step = MODELS.build(page['step'])
    # (1, 0) and (-1, 1) conflict: (.5, .5) and (0, 1) are left of them.
    found = step.combine(None, ['w', 'b'], dict(
        a=[torch.tensor([[1.]]), torch.tensor([0.])],
        b=[torch.tensor([[-1.]]), torch.tensor([1.])]))
    assert [x.tolist() for x in found] == [[[.5]], [1.5]]
    agree = step.combine(None, ['w'], dict(
        a=[torch.tensor([1., 0.])], b=[torch.tensor([1., 1.])]))
    assert agree[0].tolist() == [2., 1.]

    calls, combine = [], type(step).combine
    monkeypatch.setattr(
        type(step), 'combine',
        lambda *args: calls.append(list(args[3])) or combine(*args))
    runner = train(joint(tmp_path, model=page))
    assert type(runner.model.step).__module__ == my_parts
    names = ['loss_cls', 'loss_cls_audio', 'loss_cls_visual']
    assert calls == [names] * len(runner.train_dataloader)


def test_schedule_stages(tmp_path):
    page = on_the_page('my_stages.py')
    loop = dict(page['train_cfg'], max_epochs=1)
    cfg = digits_cfg(tmp_path / 'stages', loop, **SMALL)
    cfg.merge_from_dict(dict(model=page['model']))
    stages = Runner.from_cfg(cfg)
    before = weights(stages, 'head.fc')
    stages.train()
    cfg = digits_cfg(tmp_path / 'late', dict(loop, stages=loop['stages'][:2]),
                     **SMALL)
    late = train(cfg)
    # The last stage has changed nothing but the classifier.
    ours, theirs = weights(stages), weights(late)
    fused = weights(stages, 'head.fc')
    assert all(not torch.equal(before[k], fused[k]) for k in fused)
    assert fused.keys() and ours.keys() - fused.keys() == theirs.keys()
    assert_same({k: ours[k] for k in theirs}, theirs)
    assert 'acc/top1' in stages.train_loop.assembled_metrics


def test_schedule_a_linear_probe_over_frozen_encoders(tmp_path):
    probe, = re.findall(r"`(dict\(name='probe'.*?\))`", DOC.read_text())
    stages = [dict(name='joint'), eval(probe)]
    both = train(digits_cfg(tmp_path / 'both', dict(
        max_epochs=1, stages=stages), head='ConcatHead', **SMALL))
    alone = train(joint(tmp_path))
    assert_same(weights(both, 'encoders'), weights(alone, 'encoders'))
    ends = [weights(r, 'head')['head.fc.weight'] for r in (both, alone)]
    assert not torch.equal(*ends)


def test_schedule_a_hook_that_looks_at_whole_splits(my_parts, tmp_path):
    hooks = on_the_page('ProbeHook')['custom_hooks']
    runner = train(joint(tmp_path, custom_hooks=hooks))
    hook, = (h for h in runner.hooks if type(h).__module__ == my_parts)
    # It has left no trace, and says what scikit-learn says.
    assert_same(weights(runner), weights(train(joint(tmp_path, 'bare'))))
    train_split, val_split = (
        feature_bank(runner.model, loop.dataloader, features=True)
        for loop in (runner.train_loop, runner.val_loop))
    for m in runner.model.modalities:
        means = NearestCentroid().fit(train_split.features[m],
                                      train_split.targets)
        expected = means.score(val_split.features[m], val_split.targets)
        assert hook.last[f'probe_{m}'] == pytest.approx(expected)


def test_a_config_over_the_packages(my_parts, tmp_path):
    block, = re.findall(r'```python\n(# my_mimo.py.*?)```', DOC.read_text(),
                        re.DOTALL)
    (tmp_path / 'my_mimo.py').write_text(block)
    cfg = Config.fromfile(tmp_path / 'my_mimo.py')
    model = MODELS.build(copy.deepcopy(cfg.model))
    assert [type(t).__name__ for t in model.terms] == ['MyMIMO']
    assert cfg.train_cfg.type == 'mmbalance_plugin.StagedTrainLoop'
