"""What the inferencer says about a clip."""
import math
from dataclasses import asdict, dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class ModalityPrediction:
    """One modality's part.

    Attributes:
        label (int): The class that this modality alone predicts.
        name (str): Name of that class.
        score (float): Probability that it alone gives to that class.
        scores (tuple[float]): Its probabilities of all classes.
        share (float): Its Shapley value in the fused prediction of the
            clip's class (which need not be its own): how much it raised it.
            Negative where it spoke against it.
    """
    label: int
    name: str
    score: float
    scores: Tuple[float, ...]
    share: float


@dataclass(frozen=True)
class LabelPrediction:
    """One of several labels that a clip has.

    Attributes:
        label (int): Its number.
        name (str): Its name.
        score (float): Its fused probability.
        baseline (float): What it gets from no modality at all.
        alone (dict[str, float]): What each modality that is there gives it
            alone.
        shares (dict[str, float]): How much each raised it; baseline and
            shares add up to the score, see :class:`ClipPrediction`.
    """
    label: int
    name: str
    score: float
    baseline: float
    alone: Dict[str, float]
    shares: Dict[str, float]


@dataclass(frozen=True)
class ClipPrediction:
    """One clip's prediction.

    ``baseline`` and the shares of all modalities add up to ``score`` (to its
    logarithm where the inferencer divides log-probabilities).

    Attributes:
        clip (str): Name of the clip.
        label (int): The class predicted from all modalities together; of
            several labels the likeliest.
        name (str): Name of that class.
        score (float): Its fused probability.
        scores (tuple[float]): Fused probabilities of all classes.
        baseline (float): What the class gets from no modality at all.
        modalities (dict[str, ModalityPrediction | None]): Each modality's
            part; None where the clip lacks it.
        labels (tuple[LabelPrediction] | None): Of several labels those that
            the clip has, the likeliest first; None where there is one class.
    """
    clip: str
    label: int
    name: str
    score: float
    scores: Tuple[float, ...]
    baseline: float
    modalities: Dict[str, Optional[ModalityPrediction]]
    labels: Optional[Tuple[LabelPrediction, ...]] = None

    @property
    def missing(self) -> Tuple[str, ...]:
        """tuple[str]: Modalities that the clip lacks."""
        return tuple(m for m, part in self.modalities.items() if part is None)

    def to_dict(self) -> dict:
        """Plain containers and numbers, fit for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ClipFailure:
    """A clip that could not be read.

    Attributes:
        clip (str): Name of the clip.
        problem (str): What is wrong with it.
    """
    clip: str
    problem: str

    def to_dict(self) -> dict:
        """Plain containers, fit for JSON."""
        return asdict(self)


def assemble_predictions(clips: Sequence[str], classes: Sequence[str],
                         modalities: Sequence[str], fused: Tensor,
                         alone: Dict[str, Tensor], baseline: Tensor,
                         shares: Dict[str, Tensor]) -> List[ClipPrediction]:
    """From a batch's tensors to one prediction a clip.

    Args:
        clips (Sequence[str]): B names.
        classes (Sequence[str]): C names.
        modalities (Sequence[str]): Those of the model.
        fused (Tensor): Fused probabilities (B, C).
        alone (dict[str, Tensor]): Probabilities (B, C) of each modality that
            these clips have.
        baseline (Tensor): What no modality at all gives the class, (B, ).
        shares (dict[str, Tensor]): Shapley values (B, ) of the same
            modalities.

    Returns:
        list[ClipPrediction]: In the order of the clips.

    Raises:
        ValueError: A probability is not finite.
    """
    columns = [fused, *alone.values(), torch.stack(
        [baseline, *(shares[m] for m in alone)], dim=1)]
    # One copy from the device.
    parts = torch.cat(columns, dim=1).cpu().split(
        [column.shape[1] for column in columns], dim=1)
    fused_rows, *scores, values = (part.tolist() for part in parts)
    results = []
    for index, clip in enumerate(clips):
        parts = dict.fromkeys(modalities)
        base, *share = values[index]
        for m, rows, part in zip(alone, scores, share):
            parts[m] = ModalityPrediction(
                **_best(rows[index], classes, clip), share=part)
        results.append(
            ClipPrediction(
                clip=clip,
                **_best(fused_rows[index], classes, clip),
                baseline=base,
                modalities=parts))
    return results


def add_labels(predictions: Sequence[ClipPrediction],
               classes: Sequence[str], threshold: float, baseline: Tensor,
               shares: Dict[str, Tensor]) -> List[ClipPrediction]:
    """The labels that each clip has.

    Args:
        predictions (Sequence[ClipPrediction]): Of B clips.
        classes (Sequence[str]): C names.
        threshold (float): Fused probability from which a label counts.
        baseline (Tensor): What no modality at all gives each label, (B, C).
        shares (dict[str, Tensor]): Shapley values (B, C) of the modalities
            that these clips have.

    Returns:
        list[ClipPrediction]: With ``labels``.
    """
    base, *own = torch.stack([baseline, *shares.values()]).tolist()
    results = []
    for i, clip in enumerate(predictions):
        parts = {m: clip.modalities[m] for m in shares}
        found = sorted((c for c, p in enumerate(clip.scores)
                        if p >= threshold), key=lambda c: -clip.scores[c])
        results.append(replace(clip, labels=tuple(
            LabelPrediction(
                c, classes[c], clip.scores[c], base[i][c],
                {m: part.scores[c] for m, part in parts.items() if part},
                {m: share[i][c] for m, share in zip(shares, own)})
            for c in found)))
    return results


def _best(scores: List[float], classes: Sequence[str], clip: str) -> dict:
    if not all(map(math.isfinite, scores)):
        raise ValueError(f'the model gives {clip} scores that are not finite: '
                         'its weights are damaged, or training diverged')
    score = max(scores)
    label = scores.index(score)
    return dict(
        label=label, name=classes[label], score=score, scores=tuple(scores))
