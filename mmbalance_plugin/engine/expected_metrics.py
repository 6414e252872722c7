"""What a validation will emit, as far as that is known beforehand."""
from typing import List, Optional, Sequence

from mmengine.evaluator import Evaluator


def expected_metrics(evaluator: Evaluator, modalities: Sequence[str],
                     fused: bool) -> Optional[List[str]]:
    """Names of the metrics of predictions by modalities, and by all of them
    together if there is a fused one.

    None where some metric does not tell: whatever has no method ``names`` as
    :class:`MultimodalMetric` has it.
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
    """Refuse metrics that somebody wants and that will certainly not come,
    by the names of those that will, None for who knows."""
    if names is None:
        return
    # What follows an '@' depends on what the data lack, and is not known.
    missing = [w for w in wanted if w.split('@')[0] not in names]
    if missing:
        raise ValueError(f'{who} {", ".join(map(repr, missing))}, but '
                         f'validation there emits {sorted(names)}: {fix}')
