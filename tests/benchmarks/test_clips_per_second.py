"""The tool that measures clips a second, on tiny clips."""
import json

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from media_bare_loop import BareLoop
from media_clips import generate_clips
from media_loops import (
    Row,
    build_loops,
    throughput_table,
)
from mmbalance_plugin.datasets.transforms.per_modality import (
    all_transforms,
)
from timing import Times

CONFIG = 'configs/_base_/datasets/short_clips.py'


def test_command(run_benchmark, tmp_path):
    out = tmp_path / 'times.json'
    printed = run_benchmark(
        'clips_per_second', '--clips', 2, '--rounds', 2, '--seconds', .5,
        '--fps', 10, '--size', 48, 64, '--json', out)
    rows = [line.split(' | ')[0] for line in printed.splitlines()
            if line.startswith('| ')]
    assert rows == [
        '| loop', '| bare PyAV loop', '| pipeline', '| pipeline with cache',
        '| only decoding', '| only the cache', '| filling the cache'
    ]
    times = json.loads(out.read_text())
    assert {len(v) for v in times['cpu'].values()} == {2}
    cpu = times['cpu']
    assert times['ratios']['pipeline / bare PyAV loop'][0] == pytest.approx(
        cpu['bare PyAV loop'][0] / cpu['pipeline'][0])


def test_ratio_is_of_clips_a_second():
    times = Times(dict(a=[.1, .1], b=[.02, .02]), dict(a=[.1], b=[.05]))
    line = throughput_table(times, [Row('b', 'a', .8)]).splitlines()[-1]
    assert line == ('| b | 50.00 | 20.0 | 50.0 | a | 2.00 (2.00 to 2.00) | '
                    '5.00 | 0.8 |')


def test_bare_loop_does_what_the_pipeline_does(tmp_path, root):
    clip, = generate_clips(str(tmp_path), 1, .6, 10, (48, 64))
    picture, sound = BareLoop([clip]).load(clip)
    init_default_scope('mmaction')
    cfg = Config.fromfile(root / CONFIG)
    expected = Compose([*cfg.visual_train, *cfg.audio, cfg.pack])(
        dict(filename=clip.video, audio_path=clip.audio, modality='RGB',
             label=0))['inputs']
    assert picture.shape == expected['visual'].shape
    assert picture.dtype == expected['visual'].dtype
    assert sound.shape == expected['audio'].shape
    # The resamplers' edges differ by a few samples where the sound repeats.
    assert (sound - expected['audio']).abs().median() < .05


def test_every_loop_loads_and_the_cache_is_read(tmp_path, root):
    clips = generate_clips(str(tmp_path), 2, .6, 10, (48, 64))
    loops = build_loops(str(root / CONFIG), clips, str(tmp_path))
    for loop in loops.values():
        loop.advance(4)
    steps = all_transforms(
        loops['pipeline with cache'].dataset.pipeline.transforms)
    caches = [step for step in steps if hasattr(step, 'hits')]
    assert [(step.hits, step.misses) for step in caches] == [(2, 2)] * 2
    loops['filling the cache'].advance(2)
    steps = all_transforms(
        loops['filling the cache'].dataset.pipeline.transforms)
    caches = [step for step in steps if hasattr(step, 'hits')]
    assert [(step.hits, step.misses) for step in caches] == [(2, 4)] * 2
    whole = loops['pipeline'].dataset[0]['inputs']
    kept = loops['pipeline with cache'].dataset[0]['inputs']
    assert torch.equal(whole['audio'], kept['audio'])
    assert whole['visual'].shape == kept['visual'].shape
    assert torch.isfinite(kept['audio']).all()
