"""Settings of the recipe for clips, by what the clips are."""
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import numpy as np

from mmbalance_plugin.datasets.av_annotation import Row

#: The user's to edit; ``configs/_base_/sets/clips.py`` reads it.
SETTINGS = 'settings.json'
#: What a preset says whatever the clips are.
PRESETS: Dict[str, dict] = dict(
    full={},
    tiny=dict(sound_seconds=0.5, sample_rate=8000, picture=32, kept_fps=4,
              batch_size=8, max_epochs=2, num_workers=0))
_PICTURES = (32, 64, 112, 224)  # pixels of a side
_FRAMES = 20  # kept of a clip, as the recipes of the shipped sets do


def propose(rows: Sequence[Row],
            files: Dict[str, dict]) -> Tuple[dict, dict]:
    """Settings for some training clips, and what of them was seen.

    Args:
        rows (Sequence[Row]): The clips.
        files (Dict[str, dict]): Path -> facts, see ``inspect_file``.

    Returns:
        Tuple[dict, dict]: ``sound_seconds``, ``sample_rate``, ``picture``
        (pixels of a side), ``kept_fps`` (frames a second in the cache),
        ``batch_size``, ``max_epochs`` and ``num_workers``; and the values
        that were seen, by name.
    """
    seen: Dict[str, List[float]] = dict(seconds=[], side=[], fps=[], rate=[])
    for row in rows:
        video, audio = (files.get(name or '', {})
                        for name in (row.video, row.audio))
        lasts = video.get('duration') or audio.get('duration')
        if lasts is not None:
            end = min(row.end or lasts, lasts)
            seen['seconds'].append(end - (row.start or 0))
        if video.get('has_video'):
            seen['side'].append(min(video['width'], video['height']))
            seen['fps'].append(video['fps'])
        if audio.get('has_audio'):
            seen['rate'].append(audio['sample_rate'])
    middle = {key: float(np.median(found)) if found else 0.
              for key, found in seen.items()}
    seconds = middle['seconds'] or 3.
    batches = 2 ** int(np.log2(max(len(rows) / 8, 1)))
    return dict(
        sound_seconds=round(min(max(seconds, .5), 10), 1),
        sample_rate=int(min(middle['rate'], 22050)) or 22050,
        picture=max(side for side in _PICTURES
                    if side <= max(middle['side'], _PICTURES[0])),
        kept_fps=round(min(max(_FRAMES / seconds, 1),
                           middle['fps'] or np.inf), 2),
        batch_size=min(max(batches, 4), 64),
        max_epochs=100,
        num_workers=4), seen


def describe(settings: dict, seen: Dict[str, List[float]],
             path: Path) -> str:
    """A few lines for the user: what was seen, what follows, what it takes."""
    lines = [f'Training clips: {len(seen["seconds"])}']
    for key, unit in dict(seconds='s', side='pixels (shorter side)',
                          fps='frames/s', rate='Hz').items():
        if seen[key]:
            low, middle, high = np.quantile(seen[key], [0, .5, 1])
            lines.append(f'    {middle:g} {unit}, {low:g} to {high:g}')
    # Pictures have a few pixels to crop, and are a third wider than high.
    frame = 3 * (settings['picture'] * 8 / 7) ** 2 * 4 / 3
    size = sum(seen['seconds']) * settings['kept_fps'] * frame / 1e9
    lines += [f'Settings, yours to edit, in {path}:',
              '    ' + ', '.join(f'{k} {v}' for k, v in settings.items()
                                 if v or k in PRESETS['tiny']),
              f'Decoded clips will take about {size:.2g} GB in data/cache']
    return '\n'.join(lines)
