"""Runs with ``compile``: the same numbers, and no end of compilations."""
import pytest
import torch
import torch._dynamo

from mmbalance_plugin.registry import TRANSFORMS
from tests.dist_utils import run_ranks
from tests.engine.digits import (
    MODALITIES,
    assert_same,
    digits_cfg,
    train,
    weights,
)

# The last batch of an epoch is smaller: one more variant of each function.
SIZES = dict(n_train=40, n_val=16, batch_size=16)


@TRANSFORMS.register_module()
class LackSound:
    """Every third clip, shuffled over the batches, has no sound."""

    def __call__(self, results):
        if results['sample_idx'] % 3 == 1:
            results['masked_keys'] = {'audio'}
        return results


def lack_sounds(cfg):
    cfg.train_dataloader.dataset.pipeline = [
        dict(type='mmbalance_plugin.LackSound'),
        dict(
            type='mmbalance_plugin.PackMultimodalInputs',
            inputs={m: m for m in MODALITIES})
    ]


def method_cfg(folder, method):
    """A run of one method, 2 epochs a stage."""
    loop, head = dict(max_epochs=2), 'ConcatHead'
    if method == 'udi':
        loop['type'] = 'mmbalance_plugin.UDITrainLoop'
        head = 'DecisionHead'
    cfg = digits_cfg(folder, loop, head=head, **SIZES)
    if method == 'mla':
        cfg.model.update(
            head=dict(type='mmbalance_plugin.MLAHead', num_classes=10),
            step=dict(type='mmbalance_plugin.MLA'),
            objective=[dict(type='mmbalance_plugin.UnimodalLoss')])
    if method == 'opm':
        cfg.model = dict(
            type='mmbalance_plugin.OPM', recognizer=cfg.model, warmup_epochs=0)
    if method == 'ogm_ge':
        cfg.optim_wrapper.update(
            type='mmbalance_plugin.OGMOptimWrapper',
            alpha=.5,
            generalization_enhancement=True)
    return cfg


def compiled(cfg, fail=True, limit=3):
    """Train compiled; more variants of a function than the limit raise."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    cfg.compile = dict(backend='eager')
    with torch._dynamo.config.patch(
            recompile_limit=limit, fail_on_recompile_limit_hit=fail):
        runner = train(cfg)
    assert torch._dynamo.utils.counters['stats']['unique_graphs'] > 0
    return runner


@pytest.mark.parametrize('method', [
    'joint',
    pytest.param('opm', marks=pytest.mark.slow),
    pytest.param('ogm_ge', marks=pytest.mark.slow),
    pytest.param('udi', marks=pytest.mark.slow),
    pytest.param('mla', marks=pytest.mark.slow),
])
def test_compiled_equals_plain_and_compiles_each_size_once(tmp_path, method):
    plain = train(method_cfg(tmp_path / 'plain', method))
    # MLA runs each size once per modality.
    other = compiled(
        method_cfg(tmp_path / 'compiled', method),
        limit=5 if method == 'mla' else 3)
    assert_same(weights(plain), weights(other))


@pytest.mark.slow
def test_batches_that_lack_something_run_as_they_are(tmp_path):
    """Others in every batch: compiling each would never end."""
    cfgs = [method_cfg(tmp_path / name, 'opm') for name in ('plain', 'other')]
    for cfg in cfgs:
        lack_sounds(cfg)
    plain, other = train(cfgs[0]), compiled(cfgs[1], fail=False)
    assert_same(weights(plain), weights(other))
    # MMEngine's sum of the losses and the optimiser's steps.
    assert torch._dynamo.utils.counters['stats']['unique_graphs'] <= 4


def rank_run(folder, compile):
    """A rank: two stages; their weights and how much was compiled."""
    stages = [dict(name=m, train=[m]) for m in ('audio', 'visual')]
    cfg = digits_cfg(
        folder, dict(max_epochs=1, stages=stages), **dict(
            SIZES, n_train=32, batch_size=8))
    cfg.launcher = 'pytorch'
    if not compile:
        return weights(train(cfg))
    graphs = []
    reset = torch.compiler.reset

    def count():
        graphs.append(torch._dynamo.utils.counters['stats']['unique_graphs'])
        reset()

    torch.compiler.reset = count
    runner = compiled(cfg)
    return weights(runner), [*graphs, torch._dynamo.utils.counters['stats']
                             ['unique_graphs']]


@pytest.mark.slow
def test_each_stage_is_compiled_inside_its_ddp_wrapper(tmp_path):
    plain = run_ranks(rank_run, 2, str(tmp_path / 'plain'), False)
    other = run_ranks(rank_run, 2, str(tmp_path / 'compiled'), True)
    for before, (after, graphs) in zip(plain, other):
        assert_same(before, after)
        assert 0 == graphs[0] < graphs[1] < graphs[2]
