"""Predictions as text."""
import csv
import io
from typing import Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

from .prediction import ClipPrediction

_Part = Tuple[str, float, float]  # the class that it predicts alone, if one


class _Line(NamedTuple):
    name: str
    score: float
    parts: Dict[str, Optional[_Part]]
    baseline: float


def _lines(prediction: ClipPrediction) -> Iterator[_Line]:
    """One, or one for each label of several that the clip has."""
    parts: Dict[str, Optional[_Part]] = {
        m: (part.name, part.score, part.share) if part else None
        for m, part in prediction.modalities.items()
    }
    if prediction.labels is None:
        yield _Line(prediction.name, prediction.score, parts,
                    prediction.baseline)
    for label in prediction.labels or ():
        own: Dict[str, Optional[_Part]] = {
            m: ('', label.alone[m], label.shares[m]) if part else None
            for m, part in parts.items()
        }
        yield _Line(label.name, label.score, own, label.baseline)


def prediction_table(predictions: Sequence[ClipPrediction]) -> str:
    """Lay predictions out as a table, one line a clip.

    Args:
        predictions (Sequence[ClipPrediction]): Of one inferencer.

    Returns:
        str: For every clip the fused class with its probability, each
        modality's own class with its probability, and each modality's share
        in the fused prediction, after its name. Of several labels there is a
        line for each that the clip has.
    """
    if not predictions:
        return 'no clips'
    names = list(predictions[0].modalities)
    header = ['clip', 'fused']
    for name in names:
        header += [name, f'share of {name}']
    rows = [header + ['baseline']]
    for prediction in predictions:
        count = len(rows)
        for line in _lines(prediction):
            row = [prediction.clip, f'{line.name} {line.score:.3f}']
            for part in line.parts.values():
                row += ['missing', '-'] if part is None else [
                    f'{part[0]} {part[1]:.3f}'.strip(), f'{part[2]:+.3f}']
            rows.append(row + [f'{line.baseline:.3f}'])
        if len(rows) == count:
            rows.append([prediction.clip, 'none'] + ['-'] * (len(header) - 1))
    return _aligned(rows)


def prediction_csv(predictions: Sequence[ClipPrediction]) -> str:
    """The same as csv: a line a clip, or one for each label that it has.

    Args:
        predictions (Sequence[ClipPrediction]): Of one inferencer.

    Returns:
        str: Columns ``clip``, ``label``, ``score``, ``baseline``, and
        ``<modality>_label``, ``_score`` and ``_share``; empty where the clip
        lacks a modality, or has no label.
    """
    text = io.StringIO()
    names = list(predictions[0].modalities) if predictions else []
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['clip', 'label', 'score', 'baseline', *(
        f'{m}_{kind}' for m in names for kind in ('label', 'score', 'share'))])
    for prediction in predictions:
        lines = [[line.name, line.score, line.baseline, *(
            cell for part in line.parts.values()
            for cell in part or ('', '', ''))] for line in _lines(prediction)]
        for cells in lines or [[''] * (3 + 3 * len(names))]:
            writer.writerow([prediction.clip, *cells])
    return text.getvalue()


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        '  '.join(cell.ljust(width)
                  for cell, width in zip(row, widths)).rstrip()
        for row in rows
    ]
    return '\n'.join([lines[0], '-' * max(map(len, lines)), *lines[1:]])
