"""Mistakes of a later stage are told before the first step of the run."""
import random

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn

from mmbalance_plugin.registry import MODELS
from tests.engine.digits import assert_same, digits_cfg, train, weights
from tests.engine.hooks.summary_utils import SMALL
from tests.engine.loops.test_stage_metrics import untrained

CLUB = dict(type='mmbalance_plugin.CLUBLoss')
JS = dict(type='mmbalance_plugin.JSDivergenceLoss')
ALONE = [dict(name=m, train=[m]) for m in ('audio', 'visual')]


def udi(folder, head='DecisionHead', **options):
    loop = dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=1, **options)
    return digits_cfg(folder / 'run', loop, head=head, **SMALL)


@MODELS.register_module()
class Failing(nn.Module):
    """A loss of one's own with a mistake in its forward."""

    def forward(self, p, q, update_estimator=False):
        return (p @ q).sum()


@MODELS.register_module()
class NoTensor(nn.Module):

    def forward(self, p, q):
        return 1.


@pytest.mark.parametrize('options, message', [
    (dict(complementarity=dict(CLUB, stepz=3)), 'stepz'),
    (dict(complementarity=dict(CLUB, optimizer=dict(type='Adamm'))), 'Adamm'),
    (dict(complementarity=dict(CLUB, x_channels=3)), 'x_channels=3'),
    (dict(consistency=dict(JS, reduction='none')),
     r'JSDivergenceLoss gives \(4,\) where a scalar is needed'),
    (dict(consistency=dict(type='mmbalance_plugin.NoTensor')),
     'NoTensor gives float'),
    (dict(complementarity=dict(type='mmbalance_plugin.Failing')),
     "loss between 'audio' and 'visual' fails.*mat1 and mat2"),
    (dict(consistency=dict(type='mmbalance_plugin.JSDivergense')),
     'JSDivergense'),
    (dict(controller=dict(start=dict(con=.5))), r"no weight for \['com'\]"),
    (dict(controller=dict(start=dict())), "no weight for .*'con'"),
    (dict(controller=dict(start=dict(con=.5, comm=.5))), "names .*'comm'"),
    (dict(anchor_dataloader=dict(batch_size=1, dataset=dict(
        type='mmbalance_plugin.AVDigits'), sampler=dict(
            type='DefaultSampler'))), 'AVDigits'),
])
@pytest.mark.parametrize('anchor', ['auto', 'audio'])
def test_of_a_follower(tmp_path, options, message, anchor):
    if anchor == 'auto' and 'anchor_dataloader' in options:
        options = dict(options, anchor='audio')
    untrained(udi(tmp_path, **dict(dict(anchor=anchor), **options)), message)


def freeze(cfg, modality):
    """Build an encoder's weights frozen, as frozen_stages does."""

    @MODELS.register_module(force=True)
    class FrozenNet(MODELS.get('mmbalance_plugin.SmallConvNet')):

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.requires_grad_(False)

    cfg.model.encoders[modality].backbone.type = 'mmbalance_plugin.FrozenNet'
    return cfg


@pytest.mark.parametrize('anchor', ['auto', 'audio'])
def test_a_follower_whose_encoder_is_frozen(tmp_path, anchor):
    untrained(
        freeze(udi(tmp_path, anchor=anchor), 'visual'),
        "the encoder of 'visual' is frozen.*parameters='all'")


@pytest.mark.parametrize('options', [
    dict(anchor='visual'),
    dict(anchor='audio', controller=dict(parameters='all')),
    dict(anchor='audio', controller=dict(dynamic=False)),
])
def test_a_frozen_encoder_where_it_does_no_harm(tmp_path, options):
    train(freeze(udi(tmp_path, **options), 'visual'))


def test_a_stage_that_trains_nothing(tmp_path):
    stages = [ALONE[0], dict(name='b', train=['encoders.visual'],
                             objective='fused')]
    cfg = digits_cfg(
        tmp_path / 'run', dict(max_epochs=1, stages=stages), **SMALL)
    untrained(freeze(cfg, 'visual'), "stage 'b': it trains nothing")


@pytest.mark.parametrize('extra, message', [
    (dict(param_scheduler=[dict(type='CosineAnealingLR')]),
     "stage 'visual': .*CosineAnealingLR"),
    (dict(optim_wrapper=dict(optimizer=dict(momentun=.9))),
     "stage 'visual': .*momentun"),
    (dict(objective=[dict(type='mmbalance_plugin.UnimodalLoss',
                          wieght=1.)]), "stage 'visual': .*wieght"),
])
def test_of_a_second_stage(tmp_path, extra, message):
    stages = [ALONE[0], dict(ALONE[1], **extra)]
    untrained(
        digits_cfg(
            tmp_path / 'run', dict(max_epochs=1, stages=stages), **SMALL),
        message)


def test_trying_leaves_no_trace_on_the_random_streams(tmp_path):
    runner = Runner.from_cfg(udi(tmp_path))
    drawn = []
    for build in (False, True):
        torch.manual_seed(1)
        np.random.seed(1)
        random.seed(1)
        if build:
            runner.build_train_loop(runner._train_loop)
        drawn.append(
            (torch.rand(1).item(), np.random.rand(), random.random()))
    assert drawn[0] == drawn[1]


def test_classes_stand_for_their_names(tmp_path):
    """In a config of pure Python."""
    named = train(udi(tmp_path / 'a', anchor='audio'))
    cfg = udi(tmp_path / 'b', anchor='audio')
    path = tmp_path / 'pure.py'
    path.write_text(
        'from mmbalance_plugin.models.losses import CLUBLoss, '
        f'JSDivergenceLoss\n{cfg.pretty_text}\n'
        'train_cfg.update(consistency=dict(type=JSDivergenceLoss),\n'
        '                 complementarity=dict(type=CLUBLoss))\n')
    pure = Config.fromfile(path)
    assert not isinstance(pure.train_cfg.consistency.type, str)
    assert_same(weights(named), weights(train(pure)))


def test_a_loss_that_knows_no_widths_gets_none(tmp_path):

    @MODELS.register_module(force=True)
    class NoCLUBAtAll(nn.Module):
        """Its name is no promise."""

        def forward(self, x, y, update_estimator=False):
            return (x.mean(1) - y.mean(1)).square().mean()

    train(udi(tmp_path, complementarity=dict(
        type='mmbalance_plugin.NoCLUBAtAll')))
