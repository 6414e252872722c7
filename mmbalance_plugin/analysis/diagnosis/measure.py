"""Everything a diagnosis measures, from its finished runs."""
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.runner import Runner
from torch import Tensor

from mmbalance_plugin.apis.building import build_recognizer, default_scope
from mmbalance_plugin.apis.checkpoint import load_weights
from mmbalance_plugin.apis.coalitions import coalition_log_probabilities
from mmbalance_plugin.evaluation.predictions import (
    Predictions,
    load_predictions,
)
from mmbalance_plugin.functional.calibration import ece, fit_temperature
from mmbalance_plugin.functional.shapley import shapley_values

from ..curves import curves_of, read_scalars
from ..differences import MIN_SEEDS
from ..records import clustering
from . import probes
from .intervals import Interval, Judge

#: Training batches whose gradients are compared, of each model.
GRADIENT_BATCHES = 8
BINS = 10
#: How a model that the user gave is called beside those that were trained.
GIVEN = 'this model'
_BASELINE = (
    'An absent modality is one that the sample lacks: left out by a head with '
    'a classifier for each, zeros in place of its feature elsewhere.')


class Look(NamedTuple):
    """What one model does with every sample, by modality or subset."""
    probe: Dict[str, np.ndarray]
    scores: Dict[tuple, Dict[str, np.ndarray]]
    noisy: Dict[str, Dict[float, np.ndarray]]
    cosines: Dict[str, List[float]]
    logits: Dict[str, Tensor]
    targets: Tensor
    present: Dict[str, np.ndarray]

    def right(self, name: str) -> np.ndarray:
        """Whether each sample (N, ) is right, by 'fused' or a modality; NaN
        where it lacks that."""
        right = (self.logits[name].argmax(1) == self.targets).numpy()
        return np.where(self.present.get(name, True), right, np.nan)


def look_at(config: Config, checkpoint: Path) -> Look:
    """Run all probes of a trained model.

    Args:
        config (Config): Of the model and its data.
        checkpoint (Path): Its weights.

    Returns:
        Look: On the validation split.
    """
    model = build_recognizer(config)
    load_weights(model, checkpoint)
    if torch.cuda.is_available():
        model.cuda()
    model.eval()
    with default_scope(config):
        train, val = (Runner.build_dataloader(config[f'{s}_dataloader'], 0)
                      for s in ('train', 'val'))
    known, held_out = probes.banks(model, train, val)
    names = tuple(model.modalities)
    fused, = coalition_log_probabilities(
        model.head, held_out.features, [names], held_out.present).values()
    return Look(
        probes.probe_correct(known, held_out),
        probes.coalition_scores(model, held_out),
        probes.noisy_correct(model, val, held_out),
        probes.gradient_cosines(model, train, GRADIENT_BATCHES),
        {k: v.cpu() for k, v in dict(fused=fused, **held_out.logits).items()},
        held_out.targets.cpu(),
        {m: mask.cpu().numpy() for m, mask in held_out.present.items()})


class Measured:
    """Numbers of finished runs and of what the joint models do.

    Args:
        runs (Mapping[str, Sequence[Path]]): Work dirs of each variant, by
            seed.
        looks (Sequence[Look]): At the joint models, by seed, or at one that
            was given.
        given (bool): Whether it was given.
    """

    def __init__(self, runs: Mapping[str, Sequence[Path]],
                 looks: Sequence[Look], given: bool) -> None:
        self.runs = runs
        self.looks = looks
        self.given = given
        self.said: Dict[str, List[Predictions]] = {
            name: [load_predictions(d)['val'] for d in dirs]
            for name, dirs in runs.items()}
        first = self.said['joint'][0]
        self.targets = first.targets
        self.modalities = list(looks[0].probe)
        source = clustering(first.ids, len(first.targets))
        self.judge = Judge(None if source is None else first.ids[source])

    def right(self, variant: str,
              modality: Optional[str] = None) -> np.ndarray:
        """Whether each sample is right, (seeds, N), NaN where it lacks it."""
        if variant == GIVEN:
            return self.seen(lambda look: look.right(modality or 'fused'))
        rows = []
        for said in self.said[variant]:
            p = said.alone[modality] if modality else said.fused
            assert p is not None
            right = (p.argmax(axis=1) == self.targets).astype(float)
            rows.append(np.where(np.isnan(p[:, 0]), np.nan, right))
        return np.stack(rows)

    def seen(self, what: Any) -> np.ndarray:
        """Something of every look, (models, N)."""
        return np.stack([what(look) for look in self.looks]).astype(float)

    def frequent(self, right: np.ndarray) -> np.ndarray:
        """Whether naming the most frequent class is right, (N, ), of those
        samples that something (models, N) is known of."""
        there = ~np.isnan(right[0])
        classes = np.bincount(self.targets[there])
        return np.where(there, self.targets == classes.argmax(), np.nan)

    def told(self, right: np.ndarray) -> np.ndarray:
        """The same (models, N), and what the most frequent class has right
        of a model that is worse: a starved modality says anything."""
        frequent = self.frequent(right)
        worse = np.nanmean(right, axis=1) < np.nanmean(frequent)
        return np.where(worse[:, None], frequent, right)

    def everything(self) -> Dict[str, Any]:
        """Measure all of it.

        Returns:
            dict: Plain data, accuracies in [0, 1], in the layout of
            ``diagnosis.json`` (docs/diagnose.md).
        """
        names, rate, gain = self.modalities, self.judge.rate, self.judge.gain
        base = GIVEN if self.given else 'joint'
        better = [v for v in ('multi_loss', 'decoupled', *(
            ['joint'] if self.given else [])) if v in self.runs]
        # The best of them is looked for: Bonferroni.
        level = 1 - .05 / len(better)
        alone = {m: self.right('decoupled', m) for m in names}
        inside = {m: self.right(base, m) for m in names}
        probe = {m: self.seen(lambda look, m=m: look.probe[m]) for m in names}
        best = {m: max(alone[m], probe[m], key=np.nanmean) for m in names}
        found: Dict[str, Any] = dict(
            modalities=names,
            base=base,
            samples=len(self.targets),
            chance={m: float(np.nanmean(self.frequent(alone[m])))
                    for m in names},
            alone={m: rate(alone[m]) for m in names},
            inside={m: rate(inside[m]) for m in names},
            probe={m: rate(probe[m]) for m in names},
            gaps={m: gain(self.told(best[m]), self.told(inside[m]))
                  for m in names},
            **self.excess({m: self.told(best[m]) - self.told(inside[m])
                           for m in names}),
            accuracy={v: rate(self.right(v)) for v in (
                *([GIVEN] if self.given else []), *self.runs)},
            differences={
                f'{v} - {base}': gain(self.right(v), self.right(base), level)
                for v in better},
            # That none gains much needs no correction: all are to agree.
            each={v: gain(self.right(v), self.right(base)) for v in better},
            sampled={v: gain(*(self.right(x).mean(axis=0)[None]
                               for x in (v, base))) for v in better},
            ratios=self.ratios(),
            shapley=self.shapley(),
            conflict=self.conflict(),
            robustness=self.robustness(),
            calibration=self.calibration())
        if 'exchanged' in self.runs:
            pairs = 'pairs' if 'pairs' in self.runs else 'joint'
            found['interaction'] = gain(self.right(pairs),
                                        self.right('exchanged'))
            found['differences'][f'decoupled - {pairs}'] = gain(
                self.right('decoupled'), self.right(pairs))
        return found

    def excess(self, lost: Mapping[str, np.ndarray]) -> Dict[str, Any]:
        """How much more one modality loses inside the joint model than
        another, or at all where that one gains: ``excess`` on average,
        ``worst`` in the seed in which it is least, at the lower end of the
        samples' interval (-1 of too few seeds)."""
        # The pair that differs most is looked for: Bonferroni.
        level = 1 - .1 / len(lost) / (len(lost) - 1)
        excess: Dict[str, Dict[str, Interval]] = {}
        worst: Dict[str, Dict[str, float]] = {}
        for m in lost:
            for other in lost:
                least = lost[other] * (np.nanmean(lost[other]) > 0)
                mean, low, _ = self.judge.gain(
                    lost[m].mean(axis=0)[None], least.mean(axis=0)[None])
                each = np.nanmean(lost[m] - least, axis=1)
                excess.setdefault(m, {})[other] = self.judge.gain(
                    lost[m], least, level)
                worst.setdefault(m, {})[other] = -1. if len(
                    each) < MIN_SEEDS else float(each.min() - (mean - low))
        return dict(excess=excess, worst=worst)

    def ratios(self) -> Dict[str, List[List[float]]]:
        """Discrepancy ratios of the joint runs, [epoch, mean of seeds]."""
        logs = [read_scalars(str(d)) for d in self.runs['joint']]
        lines = [r for r in logs[0] if 'iter' in r]
        if not lines:
            return {}
        last = max(lines, key=lambda r: r['iter'])
        length = last['iter'] / last['epoch']
        return {
            m: [[float(step / length), float(value)]
                for step, value in zip(c.steps, c.values.mean(axis=0))]
            for m, c in curves_of(logs, 'ratio').items()
            if len(c.steps)}

    def shapley(self) -> Dict[str, Any]:
        """Shares of the modalities in accuracy and log-likelihood."""
        found: Dict[str, Any] = dict(baseline=_BASELINE)
        for value in ('accuracy', 'log_likelihood'):
            shares = [shapley_values(
                {s: torch.from_numpy(v[value])
                 for s, v in look.scores.items()}, self.modalities)
                for look in self.looks]
            found[value] = {
                m: self.judge.mean(np.stack([s[m].numpy() for s in shares]))
                for m in self.modalities}
        return found

    def conflict(self) -> Dict[str, Dict[str, float]]:
        """Cosines of gradients, of all models and batches."""
        pooled: Dict[str, List[float]] = {}
        for look in self.looks:
            for name, values in look.cosines.items():
                pooled.setdefault(name, []).extend(values)
        return {name: dict(mean=float(np.mean(v)),
                           negative=float(np.mean(np.array(v) < 0)))
                for name, v in pooled.items()}

    def robustness(self) -> Dict[str, Any]:
        """Accuracy without each modality, and with noise in it."""
        names = self.modalities
        whole = float(self.seen(
            lambda look: look.scores[tuple(names)]['accuracy']).mean())
        noise: Dict[str, List[List[float]]] = {}
        for m in self.looks[0].noisy:
            noise[m] = [[0., whole], *(
                [level, float(self.seen(
                    lambda look, m=m, level=level: look.noisy[m][level]
                ).mean())] for level in self.looks[0].noisy[m])]
        missing: Dict[str, Interval] = {}
        for m in names:
            rest = tuple(n for n in names if n != m)
            missing[m] = self.judge.rate(self.seen(
                lambda look, rest=rest: look.scores[rest]['accuracy']))
        return dict(missing=missing, noise=noise)

    def calibration(self) -> Dict[str, Any]:
        """How far confidence can be believed, all models together."""
        found = {}
        targets = torch.cat([look.targets for look in self.looks])
        for name in ('fused', *self.modalities):
            there = torch.from_numpy(~np.isnan(self.seen(
                lambda look, name=name: look.right(name))).ravel())
            logits = torch.cat([look.logits[name] for look in self.looks])
            logits, labels = logits[there], targets[there]
            p = F.softmax(logits, dim=1)
            confidence, predicted = (x.numpy() for x in p.max(dim=1))
            right = predicted == labels.numpy()
            # In the order of confidence, equally many in each.
            parts = np.array_split(np.argsort(confidence, kind='stable'),
                                   min(BINS, len(right)))
            found[name] = dict(
                ece=float(ece(p, labels)),
                temperature=fit_temperature(logits, labels),
                bins=[[float(confidence[i].mean()), float(right[i].mean())]
                      for i in parts])
        return found
