"""Interleaved timing, and that both kinds of loop train the same thing."""
import json

import pytest
import torch
from mmengine.config import Config

import timing
from mmbalance_plugin.engine.hooks.run_cost import EncoderTally
from step_loops import BareLoop, BareOGMGE, FrameworkRun
from step_methods import (
    ROWS,
    benchmark_config,
    build_loops,
    steps_needed,
)
from timing import (
    Comparison,
    Times,
    interleave,
    paired_ratios,
    ratio_table,
)


class Clock:
    """Time passes only when a loop works."""

    def __init__(self):
        self.now = 0.
        self.log = []

    def loop(self, name, seconds):
        clock = self

        class Loop:

            def advance(self, steps):
                clock.log.append((name, steps))
                clock.now += seconds * steps

        return Loop()


def test_every_loop_takes_one_block_a_round(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing.time, 'perf_counter', lambda: clock.now)
    monkeypatch.setattr(timing.time, 'process_time', lambda: 2 * clock.now)
    loops = {'a': clock.loop('a', 1.), 'b': clock.loop('b', 3.)}
    times = interleave(loops, rounds=8, block=5, warmup=2)
    assert clock.log[:2] == [('a', 2), ('b', 2)]
    turns = clock.log[2:]
    pairs = [turns[i:i + 2] for i in range(0, len(turns), 2)]
    assert len(pairs) == 8
    assert all(sorted(pair) == [('a', 5), ('b', 5)] for pair in pairs)
    assert len({pair[0] for pair in pairs}) == 2  # not always the same first
    assert times.wall == {'a': pytest.approx([1.] * 8),
                          'b': pytest.approx([3.] * 8)}
    assert times.cpu['b'] == pytest.approx([6.] * 8)


def test_ratios_are_taken_round_by_round():
    # A slow second round leaves the median of the ratios alone.
    wall = dict(a=[1., 10., 1.], b=[1.5, 15., 1.5])
    assert paired_ratios(wall, 'b', 'a') == [1.5, 1.5, 1.5]
    table = ratio_table(
        Times(wall, dict(a=[1., 2., 4.], b=[2., 2., 4.])),
        [Comparison('a', 'a'), Comparison('b', 'a', 1.05)])
    own, other = table.splitlines()[2:]
    assert own == '| a | 1000.0 | a | - | - | - | - |'
    assert other == ('| b | 1500.0 | a | 1.500 (1.500 to 1.500) | 1.000 | '
                     '0.00 | 1.05 |')


def test_every_bound_is_there():
    bounds = {(r.loop, r.reference): r.bound for r in ROWS if r.bound}
    assert bounds == {
        ('joint', 'bare joint'): 1.05,
        ('OGM-GE', 'bare OGM-GE'): 1.00,
        ('OGM', 'joint'): 1.03,
        ('OGM-GE', 'joint'): 1.10,
        ('OPM', 'joint'): 1.03,
        ('UDI follower', 'unimodal'): 1.15
    }


def without_batch_norm(cfg: Config) -> Config:
    for encoder in cfg.model.encoders.values():
        encoder.backbone.norm_cfg = None
    return cfg


def same_start(folder, name):
    """Two steps over the same samples in their order, from one start."""
    cfg = benchmark_config(name, str(folder / name), 2, 2,
                           batch_size=4, size=16)
    cfg.train_dataloader.sampler.shuffle = False
    cfg.model.init_seed = 3
    cfg.param_scheduler = None
    return without_batch_norm(cfg)


@pytest.mark.parametrize('loop, name', [
    (BareLoop, 'joint_av_digits'), (BareOGMGE, 'ogm_ge_av_digits')])
def test_bare_loop_and_framework_train_the_same(loop, name, tmp_path,
                                                monkeypatch):
    bare = loop(same_start(tmp_path, name))
    run = FrameworkRun(same_start(tmp_path, name), f'same_{name}')
    before = {k: v.clone() for k, v in bare.model.state_dict().items()}
    for key, value in run.loop.model.state_dict().items():
        assert torch.equal(value, before[key]), key
    # Both draw noise, but not the same.
    monkeypatch.setattr(torch.Tensor, 'normal_',
                        lambda self, *args, **kwargs: self.zero_())
    bare.advance(2)
    run.advance(2)
    for key, value in run.loop.model.state_dict().items():
        torch.testing.assert_close(value, bare.model.state_dict()[key])
    moved = bare.model.state_dict()
    assert any(not torch.equal(moved[k], before[k]) for k in before)


def test_the_bare_noise_is_as_large_as_the_gradient(tmp_path, monkeypatch):
    bare = BareOGMGE(same_start(tmp_path, 'ogm_ge_av_digits'))
    asked = []
    monkeypatch.setattr(
        torch.Tensor, 'normal_',
        lambda self, mean, std: asked.append((self.shape, mean, std)) or self)
    bare.advance(1)
    convolutions = [p for encoder in bare.encoders.values()
                    for p in encoder.parameters() if p.dim() == 4]
    assert [a[0] for a in asked] == [p.shape for p in convolutions]
    assert all(mean == 0 and std > 1e-8 for _, mean, std in asked)


def test_the_epoch_is_as_long_as_the_measurement(tmp_path):
    steps = steps_needed(rounds=1, block=1, warmup=1)
    cfg = benchmark_config('joint_av_digits', str(tmp_path), 2, steps, 4, 16)
    run = FrameworkRun(cfg, 'long')
    run.advance(steps)
    losses = run.runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == steps
    with pytest.raises(StopIteration):
        run.advance(1)


def test_the_follower_step_is_a_follower_step(tmp_path):
    loops = build_loops(str(tmp_path), 2, 3, 4, 16,
                        ['UDI follower', 'OPM', 'bare unimodal'])
    follower = loops['UDI follower']
    assert follower.loop.stage.name == 'follower_visual'
    tally = EncoderTally(follower.loop.model.encoders)
    for loop in loops.values():
        loop.advance(2)
    assert follower.loop.guidance.caches
    # The cached anchor is not run; the controller's batch counts too.
    assert tally.fresh['audio'] == 0 and tally.fresh['visual'] > 0
    assert loops['OPM'].runner.model.warmup_epochs == 0
    assert loops['OPM'].runner.model.last  # it acts
    trained = {id(p) for g in loops['bare unimodal'].optimizer.param_groups
               for p in g['params']}
    model = loops['bare unimodal'].model
    assert trained == {id(p)
                       for p in model.modality_modules('visual').parameters()}


def test_unknown_loop(tmp_path):
    with pytest.raises(ValueError, match='no loops'):
        build_loops(str(tmp_path), 2, 3, names=['nothing'])


def test_command(run_benchmark, tmp_path):
    out = tmp_path / 'times.json'
    printed = run_benchmark(
        'step_time', '--rounds', 2, '--block', 1, '--warmup', 1, '--width', 2,
        '--size', 16, '--batch-size', 4, '--loops', 'bare joint', 'joint',
        'OPM + OGM-GE', '--json', out)
    rows = [line for line in printed.splitlines() if line.startswith('| ')]
    assert [row.split(' | ')[0] for row in rows] == [
        '| loop', '| bare joint', '| joint', '| OPM + OGM-GE',
        '| OPM + OGM-GE'
    ]
    times = json.loads(out.read_text())
    assert {k: len(v) for k, v in times['cpu'].items()} == {
        'bare joint': 2, 'joint': 2, 'OPM + OGM-GE': 2
    }
    assert times['ratios']['joint / bare joint'][0] == (
        times['wall']['joint'][0] / times['wall']['bare joint'][0])
