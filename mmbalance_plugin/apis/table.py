"""Predictions as text."""
from typing import List, Sequence

from .prediction import ClipPrediction


def prediction_table(predictions: Sequence[ClipPrediction]) -> str:
    """Lay predictions out as a table, one line a clip.

    Args:
        predictions (Sequence[ClipPrediction]): Of one inferencer.

    Returns:
        str: For every clip the fused class with its probability, each
        modality's own class with its probability, and each modality's share
        in the fused prediction, after its name.
    """
    if not predictions:
        return 'no clips'
    names = list(predictions[0].modalities)
    header = ['clip', 'fused']
    for name in names:
        header += [name, f'share of {name}']
    return _aligned([header + ['baseline']] +
                    [_row(prediction, names) for prediction in predictions])


def _row(prediction: ClipPrediction, names: Sequence[str]) -> List[str]:
    row = [prediction.clip, f'{prediction.name} {prediction.score:.3f}']
    for name in names:
        part = prediction.modalities[name]
        if part is None:
            row += ['missing', '-']
        else:
            row += [f'{part.name} {part.score:.3f}', f'{part.share:+.3f}']
    return row + [f'{prediction.baseline:.3f}']


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        '  '.join(cell.ljust(width)
                  for cell, width in zip(row, widths)).rstrip()
        for row in rows
    ]
    return '\n'.join([lines[0], '-' * max(map(len, lines)), *lines[1:]])
