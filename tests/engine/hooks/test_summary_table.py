"""``summary.json``: its numbers, and the table that is printed."""
import math

import numpy as np
import torch

from mmbalance_plugin.engine.hooks.summary_hook import format_table
from mmbalance_plugin.engine.scalars import plain_json, scalars
from tests.engine.digits import (
    digits_cfg,
    train,
)
from tests.engine.hooks.summary_utils import SMALL, summary_of
from tests.engine.toy_run import toy_runner


def test_scalars_are_pythons_own_numbers():
    metrics = dict(
        a=1,
        b=np.float32(.5),
        c=np.float64(.25),
        d=torch.tensor(.125),
        e=np.int64(3),
        f='text',
        g=[1., 2.],
        h=torch.zeros(2))
    numbers = scalars(metrics)
    assert numbers == dict(a=1, b=.5, c=.25, d=.125, e=3)
    assert all(type(value) is float for value in numbers.values())


def test_what_is_not_finite_becomes_null():
    value = dict(a=[math.nan, (1., math.inf)], b={1: 'x', 'c': None})
    assert plain_json(value) == dict(a=[None, [1., None]], b={
        '1': 'x',
        'c': None
    })


def test_a_metric_that_is_not_a_number_does_not_spoil_the_file(tmp_path):
    runner = toy_runner(
        tmp_path / 'run',
        dict(type='mmbalance_plugin.AtomicCheckpointHook', save_best='acc'),
        script=[dict(acc=.5, odd=math.nan)] * 2,
        epochs=1,
        custom_hooks=[dict(type='mmbalance_plugin.SummaryHook')])
    runner.train()
    assert summary_of(runner)['val']['best'] == dict(acc=.5, odd=None)


def test_the_table():
    summary = dict(
        anchor='audio',
        seed=3,
        val=dict(
            best={
                'acc/top1': .9,
                'acc/mean1': .1,
                'acc/top1_audio': .80004,
                'acc/top1_visual': 1.
            }),
        test={
            'acc/top1': .875,
            'acc/top1_audio': .75
        },
        cost=dict(optimizer_steps=12, wall_seconds=61.4))
    assert format_table(summary) == '\n'.join([
        'prediction           val top-1 % test top-1 %',
        'fused                      90.00        87.50',
        'audio (anchor)             80.00        75.00',
        'visual                    100.00            -',
        '12 optimiser steps, 61 s, seed 3',
    ])


def test_a_run_of_one_modality_has_a_row_for_it(tmp_path):
    runner = train(
        digits_cfg(
            tmp_path / 'run',
            dict(max_epochs=1, stages=[dict(name='a', train=['audio'])]),
            modalities=('audio', ),
            **SMALL))
    summary = summary_of(runner)
    rows = format_table(summary).splitlines()[1:-1]
    assert [row.split()[0] for row in rows] == ['fused', 'audio']
    assert summary['cost']['encoder_samples'] == dict(audio=64)
