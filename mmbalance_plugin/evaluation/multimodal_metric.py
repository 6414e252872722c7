"""Accuracy of the fused prediction and of each modality."""
import re
from functools import partial
from itertools import chain
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmbalance_plugin.registry import METRICS
from mmbalance_plugin.utils.class_numbers import integers

from .functional import (
    macro_f1,
    mean_average_precision,
    mean_class_accuracy,
    top1_accuracy,
    top_k_accuracy,
)
from .predictions import Predictions

MEASURES = dict(
    top1=top1_accuracy,
    mean1=mean_class_accuracy,
    macro_f1=macro_f1,
    mAP=mean_average_precision)


#: Those that several labels per sample have.
MULTI_LABEL = ('mAP', )


@METRICS.register_module()
class MultimodalMetric(BaseMetric):
    """Measures of the fused prediction and of each modality's own.

    Reads ``pred_score`` (C, ), ``pred_scores`` {modality: (C, )} and
    ``gt_label`` of the samples and gives, in [0, 1] and as plain floats,
    ``acc/top1``, ``acc/mean1`` (mean of the classes' accuracies),
    ``acc/macro_f1`` and ``acc/mAP`` (one class against the rest) of the fused
    prediction, followed by the same of each modality, ``acc/top1_<modality>``
    and so on. The fused ones appear only if every sample has a
    ``pred_score``: a stage that trains one modality gives that one's only.

    Of several labels per sample, ``gt_label`` (C, ) of zeros and ones, there
    is ``acc/mAP`` only: give ``measures=['mAP']``.

    A modality's own measures count only the samples that have it, as their
    ``modality_mask`` says. If some lack one, the first fused measure follows
    for each combination of what samples have, such as
    ``acc/top1@audio+visual`` and ``acc/top1@visual``, over just those
    samples; the log says how many there are.

    Classes that no label names are left out of means over classes, see
    :mod:`mmbalance_plugin.evaluation.functional`. Under distributed
    evaluation the predictions of all ranks are collected and samples that
    only fill the last batch are dropped.

    Args:
        measures (Sequence[str]): Which ones, in order; 'top5' and the
            like too. Defaults to ('top1', 'mean1', 'macro_f1', 'mAP').
        collect_device (str): Where results of the ranks are collected, 'cpu'
            or 'gpu'. Defaults to 'cpu'.
        prefix (str, optional): First part of the names. Defaults to None,
            which means 'acc'.
        collect_dir (str, optional): Shared directory for collecting on the
            CPU. Defaults to None: a temporary one.
    """

    default_prefix = 'acc'

    def __init__(self,
                 measures: Sequence[str] = tuple(MEASURES),
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 collect_dir: Optional[str] = None) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        found = {name: _measure(name) for name in measures}
        self.measures = {name: f for name, f in found.items() if f}
        if len(self.measures) < len(found) or not measures:
            raise ValueError(f"measures must be some of {tuple(MEASURES)} or "
                             f"'top5' and the like, but got {tuple(measures)}")
        self.collected: List[dict] = []

    def names(self, modalities: Sequence[str],
              fused: bool) -> Optional[List[str]]:
        """What :meth:`evaluate` will emit, for who checks a config.

        Args:
            modalities (Sequence[str]): Those that predict by themselves.
            fused (bool): Whether every sample has a fused prediction.

        Returns:
            list[str] | None: Without those of samples that lack something.
            None for a subclass that computes others.
        """
        if type(self).compute_metrics is not MultimodalMetric.compute_metrics:
            return None
        suffixes = ([''] if fused else []) + [f'_{m}' for m in modalities]
        start = f'{self.prefix}/' if self.prefix else ''
        return [f'{start}{measure}{suffix}' for suffix in suffixes
                for measure in self.measures]

    def predictions(self) -> Optional[Predictions]:
        """All that was last evaluated; None on ranks that computed nothing.
        """
        return Predictions.of(self.collected) if self.collected else None

    def require_multi_label(self) -> None:
        """Refuse measures that several labels per sample do not have."""
        wrong = [m for m in self.measures if m not in MULTI_LABEL]
        if wrong:
            raise ValueError(
                f'{type(self).__name__}: {wrong} are of one class per sample,'
                " but there are several labels: set measures=['mAP'] of "
                'val_evaluator and test_evaluator, and save_best='
                f"'{self.prefix}/mAP' of the checkpoint hook")

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep what is needed of a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): Samples with predictions.
        """
        if not data_samples:
            return
        given = [sample['gt_label'].cpu() for sample in data_samples]
        shapes = {tuple(label.shape) for label in given}
        if len(shapes) > 1:
            raise ValueError(f'{type(self).__name__} needs one label a sample,'
                             ' or as many zeros and ones of each, but got '
                             f'shapes {sorted(shapes)}')
        labels = torch.stack(given).numpy()
        if labels.shape[1] > 1:
            self.require_multi_label()
        else:
            labels = integers(labels, 'labels of the evaluated samples')
        for label, sample in zip(labels, data_samples):
            if 'pred_scores' not in sample and 'pred_score' not in sample:
                raise ValueError('a sample has neither pred_scores nor '
                                 'pred_score: nothing was predicted')
            scores = dict(sample.get('pred_scores', {}))
            if 'pred_score' in sample:
                scores[None] = sample['pred_score']
            self.results.append(
                dict(
                    label=label,
                    index=sample.get('sample_idx'),
                    lacks=_lacks(sample),
                    scores={
                        name: score.detach().float().cpu().numpy()
                        for name, score in scores.items()
                    }))

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """Compute the measures.

        Args:
            results (list[dict]): Of all samples, from all ranks.

        Returns:
            dict[str, float]: The fused measures first.

        Raises:
            ValueError: There are no results, or scores that are NaN, or
                labels that are no class.
        """
        if not results:
            raise ValueError('no sample was evaluated')
        self.collected = results
        modalities = [
            name for name in _union(result['scores'] for result in results)
            if name is not None
        ]
        measured = dict()
        fused = all(None in result['scores'] for result in results)
        if fused:
            measured.update(self._measure(None, results))
        elif not modalities:
            raise ValueError('no sample has what was evaluated: all lack '
                             f'{list(_union(r["lacks"] for r in results))}')
        for name in modalities:
            there = [r for r in results if name not in r['lacks']]
            if there:
                measured.update(self._measure(name, there, f'_{name}'))
        if fused and any(result['lacks'] for result in results):
            measured.update(self._measure_by_presence(results, modalities))
        return measured

    def _measure_by_presence(self, results: List[dict],
                             modalities: Sequence[str]) -> Dict[str, float]:
        """A fused measure for each combination of what samples have."""
        groups: Dict[str, List[dict]] = {}
        for result in results:
            there = '+'.join(
                m for m in modalities if m not in result['lacks'])
            groups.setdefault(there, []).append(result)
        # Those that have most first.
        groups = dict(
            sorted(groups.items(), key=lambda item: -item[0].count('+')))
        print_log(
            'samples by what they have: ' + ', '.join(
                f'{there} {len(group)}' for there, group in groups.items()),
            'current')
        name = next(iter(self.measures))
        return {
            f'{name}@{there}': self._measure(None, group)[name]
            for there, group in groups.items()
        }

    def _measure(self,
                 name: Optional[str],
                 results: List[dict],
                 suffix: str = '') -> Dict[str, float]:
        """The measures of one modality, or with None of the fusion."""
        if any(name not in result['scores'] for result in results):
            raise ValueError(f"some samples have no prediction of '{name}', "
                             'others do')
        labels = np.array([result['label'] for result in results])
        scores = np.stack([result['scores'][name] for result in results])
        owner = 'fused' if name is None else f"'{name}'"
        if np.isnan(scores).any():
            raise ValueError(
                f'{int(np.isnan(scores).any(axis=1).sum())} of '
                f'{len(scores)} {owner} predictions are NaN: training '
                'has diverged, or an input was not finite')
        if labels.ndim == 2:
            if labels.shape != scores.shape:
                raise ValueError(f'{labels.shape[1]} labels per sample, but '
                                 f'the {owner} predictions have '
                                 f'{scores.shape[1]}')
        elif labels.min() < 0 or labels.max() >= scores.shape[1]:
            raise ValueError(
                f'labels span {labels.min()}..{labels.max()}, but the '
                f'{owner} predictions have {scores.shape[1]} classes')
        return {
            name + suffix: measure(scores, labels)
            for name, measure in self.measures.items()
        }


def _measure(name: str) -> Optional[Callable]:
    """The function of a measure; None where there is none of that name."""
    top = re.fullmatch(r'top([1-9]\d*)', name)
    if name in MEASURES or not top:
        return MEASURES.get(name)
    return partial(top_k_accuracy, k=int(top[1]))


def _union(names: Iterable[Iterable[str]]) -> List[str]:
    """All names, in the order of who has most of them."""
    longest_first = sorted([tuple(some) for some in names], key=len,
                           reverse=True)
    return list(dict.fromkeys(chain.from_iterable(longest_first)))


def _lacks(sample: dict) -> Tuple[str, ...]:
    mask = sample.get('modality_mask') or {}
    return tuple(name for name, there in mask.items() if not there)
