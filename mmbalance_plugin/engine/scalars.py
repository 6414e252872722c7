"""Metrics as plain numbers."""
import math
from numbers import Real
from typing import Any, Dict, Mapping


def scalars(metrics: Mapping[str, Any]) -> Dict[str, float]:
    """The numbers among metrics, as Python's own.

    Args:
        metrics (Mapping[str, Any]): Python or NumPy numbers and 0-d tensors
            are taken over, everything else is left out.

    Returns:
        dict[str, float]: In the order of ``metrics``.
    """
    return {
        k: float(v)
        for k, v in metrics.items()
        if isinstance(v, Real) or getattr(v, 'shape', None) == ()
    }


def plain_json(value: Any) -> Any:
    """A copy that is JSON by the standard: what is not finite is null."""
    if isinstance(value, Mapping):
        return {str(k): plain_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
