"""Stores of runs that were never trained."""
import json

import numpy as np

from mmbalance_plugin.analysis.comparison import compare
from mmbalance_plugin.analysis.records import (
    Record,
    read_record,
    read_records,
    write_record,
)
from mmbalance_plugin.analysis.rows import make_rows
from mmbalance_plugin.evaluation import Predictions, save_predictions

N = 200
TARGETS = np.arange(N) % 10


def wrong(share, seed=0):
    """Predictions of which a share is wrong, other ones for each seed."""
    classes = TARGETS.copy()
    hit = np.random.default_rng(seed).permutation(N)[:round(share * N)]
    classes[hit] = (classes[hit] + 1) % 10
    return classes


def of(store, *args, **kwargs):
    """Comparisons of the runs of a store."""
    return compare(make_rows(read_records([str(store)])), *args, **kwargs)


def probabilities(classes, num_classes=10, confidence=.7):
    """Rows that are equally sure of each class."""
    rest = (1 - confidence) / (num_classes - 1)
    rows = np.full((len(classes), num_classes), rest, np.float32)
    rows[np.arange(len(classes)), classes] = confidence
    return rows


def write(store, config, seed, classes, targets, fold=None, key=None,
          options=(), ids=None, alone=None, lacks=None, **changed) -> Record:
    """The record of a run that predicted these classes."""
    key = key or f'{abs(hash((config, *options))) % 16**8:08x}'
    run = store / f'{config}-{key}' / (
        f'seed_{seed}' if fold is None else f'fold_{fold}_seed_{seed}')
    run.mkdir(parents=True)
    test = Predictions(
        np.asarray(targets), probabilities(classes),
        {m: probabilities(c) for m, c in (alone or {}).items()}, ids or {})
    for m, absent in (lacks or {}).items():
        test.alone[m][absent] = np.nan
    save_predictions(run, dict(test=test, val=test))
    scores = {'acc/top1': float(np.mean(np.equal(classes, targets)))}
    for m, own in (alone or {}).items():
        scores[f'acc/top1_{m}'] = float(np.mean(np.equal(own, targets)))
    (run / 'summary.json').write_text(json.dumps(dict(
        dict(commit='abc', anchor=None, test=scores,
             val=dict(best=scores), cost=dict(
                 optimizer_steps=100, estimator_steps=0,
                 encoder_samples=dict(audio=10, visual=20),
                 wall_seconds=1.5, peak_memory_bytes=2**20,
                 flops_inference=2_000_000, params_inference=1234)),
        **changed)))
    path = run.with_name(f'{run.name}.json')
    write_record(path, run, dict(
        config=f'configs/{config}.py', options=list(options), key=key,
        seed=seed, fold=fold))
    return read_record(path)


def write_several(store, config, seed, probability, targets) -> Record:
    """The record of a run of several labels per sample, (N, C)."""
    key = f'{abs(hash(config)) % 16**8:08x}'
    run = store / f'{config}-{key}' / f'seed_{seed}'
    run.mkdir(parents=True)
    test = Predictions(targets, probability, {'audio': probability})
    save_predictions(run, dict(test=test, val=test))
    scores = {'acc/mAP': .5 + seed / 10, 'acc/mAP_audio': .4}
    (run / 'summary.json').write_text(json.dumps(dict(
        commit='abc', anchor=None, test=scores, val=dict(best=scores),
        cost=dict(
            optimizer_steps=100, estimator_steps=0,
            encoder_samples=dict(audio=10), wall_seconds=1.5,
            peak_memory_bytes=2**20, flops_inference=2_000_000,
            params_inference=1234))))
    path = run.with_name(f'{run.name}.json')
    write_record(path, run, dict(config=f'configs/{config}.py', options=[],
                                 key=key, seed=seed, fold=None))
    return read_record(path)
