"""What a validation will emit, as far as that is known beforehand."""
from typing import List, Optional, Sequence

from mmengine.evaluator import Evaluator


def expected_metrics(evaluator: Evaluator, modalities: Sequence[str],
                     fused: bool) -> Optional[List[str]]:
    """Names of the metrics of a model's predictions.

    Args:
        evaluator (Evaluator): Of the validation.
        modalities (Sequence[str]): Those that predict by themselves.
        fused (bool): Whether there is a fused prediction.

    Returns:
        list[str] | None: None where some metric does not tell: whatever has
        no method ``names`` as :class:`MultimodalMetric` has it.
    """
    names: List[str] = []
    for metric in evaluator.metrics:
        told = metric.names(modalities, fused) if hasattr(
            metric, 'names') else None
        if told is None:
            return None
        names += told
    return names


def refuse_missing(who: str, wanted: Sequence[str],
                   names: Optional[Sequence[str]], fix: str) -> None:
    """Refuse a metric that will certainly not come.

    Args:
        who (str): Who wants it.
        wanted (Sequence[str]): Its names. What follows an '@' depends on
            what the data lack, and is not known.
        names (Sequence[str] | None): What will come, None for who knows.
        fix (str): What to do.

    Raises:
        ValueError: It is not among ``names``.
    """
    if names is None:
        return
    missing = [w for w in wanted if w.split('@')[0] not in names]
    if missing:
        raise ValueError(f'{who} {", ".join(map(repr, missing))}, but '
                         f'validation there emits {sorted(names)}: {fix}')
