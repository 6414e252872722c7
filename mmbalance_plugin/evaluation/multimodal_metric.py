"""Accuracy of the fused prediction and of each modality."""
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch
from mmengine.evaluator import BaseMetric

from mmbalance_plugin.registry import METRICS

from .functional import (
    macro_f1,
    mean_average_precision,
    mean_class_accuracy,
    top1_accuracy,
)

MEASURES = dict(
    top1=top1_accuracy,
    mean1=mean_class_accuracy,
    macro_f1=macro_f1,
    mAP=mean_average_precision)


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

    Classes that no label names are left out of means over classes, see
    :mod:`mmbalance_plugin.evaluation.functional`. Under distributed
    evaluation the predictions of all ranks are collected and samples that
    only fill the last batch are dropped.

    Args:
        metrics (Sequence[str]): Which measures, in order. Defaults to all:
            ('top1', 'mean1', 'macro_f1', 'mAP').
        collect_device (str): Where results of the ranks are collected, 'cpu'
            or 'gpu'. Defaults to 'cpu'.
        prefix (str, optional): First part of the names. Defaults to None,
            which means 'acc'.
        collect_dir (str, optional): Shared directory for collecting on the
            CPU. Defaults to None: a temporary one.
    """

    default_prefix = 'acc'

    def __init__(self,
                 metrics: Sequence[str] = tuple(MEASURES),
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 collect_dir: Optional[str] = None) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        unknown = [name for name in metrics if name not in MEASURES]
        if unknown or not metrics:
            raise ValueError(f'metrics must be some of {tuple(MEASURES)}, '
                             f'but got {tuple(metrics)}')
        self.metrics = tuple(metrics)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep what is needed of a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): Samples with predictions.
        """
        if not data_samples:
            return
        labels = torch.cat([sample['gt_label'] for sample in data_samples])
        if len(labels) != len(data_samples):
            raise ValueError(f'{type(self).__name__} needs one label a sample,'
                             f' but got {len(labels)} labels for '
                             f'{len(data_samples)} samples')
        columns = {
            name: self._column(data_samples, name)
            for name in data_samples[0].get('pred_scores', {})
        }
        if all('pred_score' in sample for sample in data_samples):
            columns[None] = _to_numpy(
                [sample['pred_score'] for sample in data_samples])
        if not columns:
            raise ValueError('the samples have neither pred_scores nor '
                             'pred_score: nothing was predicted')
        for index, label in enumerate(labels.tolist()):
            self.results.append(
                dict(
                    label=label,
                    scores={name: c[index] for name, c in columns.items()}))

    @staticmethod
    def _column(samples: Sequence[dict], modality: str) -> np.ndarray:
        rows = [sample['pred_scores'].get(modality) for sample in samples]
        if any(row is None for row in rows):
            raise ValueError(f"some samples of a batch have no prediction of "
                             f"'{modality}', others do")
        return _to_numpy(rows)

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
        labels = np.array([result['label'] for result in results])
        # None stands for the fused prediction, which comes first.
        names = [name for name in results[0]['scores'] if name is not None]
        if all(None in result['scores'] for result in results):
            names.insert(0, None)
        measured = dict()
        for name in names:
            if any(name not in result['scores'] for result in results):
                raise ValueError(f"some samples have no prediction of '{name}'"
                                 ', others do')
            scores = np.stack([result['scores'][name] for result in results])
            owner = 'fused' if name is None else f"'{name}'"
            if np.isnan(scores).any():
                raise ValueError(
                    f'{int(np.isnan(scores).any(axis=1).sum())} of '
                    f'{len(scores)} {owner} predictions are NaN: training '
                    'has diverged, or an input was not finite')
            if labels.min() < 0 or labels.max() >= scores.shape[1]:
                raise ValueError(
                    f'labels span {labels.min()}..{labels.max()}, but the '
                    f'{owner} predictions have {scores.shape[1]} classes')
            suffix = '' if name is None else f'_{name}'
            for measure in self.metrics:
                measured[measure + suffix] = MEASURES[measure](scores, labels)
        return measured


def _to_numpy(rows: Sequence[torch.Tensor]) -> np.ndarray:
    """Rows as one array, in one transfer."""
    return torch.stack(list(rows)).detach().float().cpu().numpy()
