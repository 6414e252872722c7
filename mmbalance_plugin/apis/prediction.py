"""What the inferencer says about a clip."""
from dataclasses import asdict, dataclass
from typing import Dict, Optional, Tuple


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
class ClipPrediction:
    """One clip's prediction.

    ``baseline`` and the shares of all modalities add up to ``score`` (to its
    logarithm where the inferencer divides log-probabilities).

    Attributes:
        clip (str): Name of the clip.
        label (int): The class predicted from all modalities together.
        name (str): Name of that class.
        score (float): Its fused probability.
        scores (tuple[float]): Fused probabilities of all classes.
        baseline (float): What the class gets from no modality at all.
        modalities (dict[str, ModalityPrediction | None]): Each modality's
            part; None where the clip lacks it.
    """
    clip: str
    label: int
    name: str
    score: float
    scores: Tuple[float, ...]
    baseline: float
    modalities: Dict[str, Optional[ModalityPrediction]]

    @property
    def missing(self) -> Tuple[str, ...]:
        """tuple[str]: Modalities that the clip lacks."""
        return tuple(m for m, part in self.modalities.items() if part is None)

    def to_dict(self) -> dict:
        """Plain containers and numbers, fit for JSON."""
        return asdict(self)
