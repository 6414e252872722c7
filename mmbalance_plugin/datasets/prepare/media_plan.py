"""What a media data set should consist of, and what is wrong with a clip."""
import csv
import io
from dataclasses import dataclass, field
from statistics import median
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

#: Stands for a folder of pictures among the streams that a clip needs.
PICTURES = 'pictures'

#: Seconds by which sound and picture of a clip, or a clip and what its
#: annotation says, may differ without being noted.
TOLERANCE = 1.0

_SILENT = 1e-4  # of the loudest sample: 80 dB below full scale
_FAR = 5  # times the median


@dataclass
class PlannedClip:
    """A clip that a data set should have.

    Args:
        name (str): For reports, and the order of clips within a split.
        label (str): Name of its class.
        files (Dict[str, str]): Column of the annotation (``path``,
            ``video``, ``audio`` ...) -> file, or folder of pictures,
            relative to the source, or None where it was not found.
        splits (Dict[str, str]): Protocol -> split.
        columns (Dict[str, object]): Further columns of the annotation.
        seconds (float, optional): How long it should be. Defaults to None:
            not known.
    """

    name: str
    label: str
    files: Dict[str, Optional[str]]
    splits: Dict[str, str]
    columns: Dict[str, object] = field(default_factory=dict)
    seconds: Optional[float] = None


class Verdict(NamedTuple):
    """What was found of a clip."""

    problem: Optional[str] = None  # what keeps it from being used
    note: Optional[str] = None  # what is odd, though it can be used
    columns: dict = {}  # further ones of the annotation


@dataclass
class Plan:
    """What a data set should consist of, before any file is opened.

    Args:
        clips (List[PlannedClip]): All clips.
        classes (Sequence[str]): Names in the order of their numbers.
        needs (Dict[str, Sequence[str]]): Column -> streams that its file
            must have, of ``'video'`` and ``'audio'``; or ``PICTURES``.
        problems (List[Tuple[str, str]]): What is wrong with the whole: a
            name and the problem.
        notes (List[Tuple[str, str]]): What a user should know: a name and
            the note.
        relate (Callable, optional): ``relate(clip, files)`` gives the
            :class:`Verdict` on the files of a clip together, of which each
            is good. Defaults to None.
    """

    clips: List[PlannedClip]
    classes: Sequence[str]
    needs: Dict[str, Sequence[str]]
    problems: List[Tuple[str, str]] = field(default_factory=list)
    notes: List[Tuple[str, str]] = field(default_factory=list)
    relate: Optional[Callable[[PlannedClip, Dict[str, dict]],
                              Verdict]] = None

    def judge(self, clip: PlannedClip, files: Dict[str, dict]) -> Verdict:
        """All that can be said of a clip, by the facts of its files."""
        problem = self._problem(clip, files)
        if problem is not None:
            return Verdict(problem)
        verdict = self.relate(clip, files) if self.relate else Verdict()
        return verdict._replace(note=verdict.note or _note(clip, files))

    def _problem(self, clip: PlannedClip,
                 files: Dict[str, dict]) -> Optional[str]:
        """What keeps a clip from being used, or None."""
        for column, streams in self.needs.items():
            name = clip.files.get(column)
            if name is None:
                what = 'file' if column == 'path' else f'{column} file'
                if streams == PICTURES:
                    what = f'folder of {column} pictures'
                return f'missing: no {what} was found'
            facts = files[name]
            if 'problem' in facts:
                return f'{facts["problem"]} ({name})'
            if streams == PICTURES:
                if 'pictures' not in facts:
                    return f'broken: {name} is no folder of pictures'
                continue
            if 'pictures' in facts:
                return f'broken: a folder, not a media file ({name})'
            for stream in streams:
                if not facts.get(f'has_{stream}'):
                    return f'without {stream}: no such stream in {name}'
            if facts.get('duration') is not None and facts['duration'] <= 0:
                return f'empty: lasts {facts["duration"]} s ({name})'
        return None


def _note(clip: PlannedClip, files: Dict[str, dict]) -> Optional[str]:
    """What is odd about a clip, though it can be used."""
    for name in filter(None, clip.files.values()):
        facts = files[name]
        if 'tolerated' in facts:
            said = ', '.join(f'{count} x {what}' for what, count
                             in facts['tolerated'].items())
            return f'allowed: {said} in {name}'
        peak = facts.get('peak')
        if peak is not None and peak < _SILENT:
            return f'silent: nothing is to be heard in {name}'
        if 'pixel_width' in facts:
            return (f'pixels: {facts["pixel_width"]:g} times as wide as high '
                    f'in {name} (square_pixels shows them so)')
    found = {
        column: files[name]['duration']
        for column, name in clip.files.items()
        if name is not None and files[name].get('duration') is not None
    }
    text = ', '.join(f'{column} {seconds:.2f} s'
                     for column, seconds in found.items())
    if found and max(found.values()) - min(found.values()) > TOLERANCE:
        return f'lengths differ: {text}'
    if clip.seconds is not None and any(
            abs(seconds - clip.seconds) > TOLERANCE
            for seconds in found.values()):
        return f'lasts {text}, annotated are {clip.seconds:g} s'
    return None


def far_longer(clips: Sequence[PlannedClip],
               files: Dict[str, dict]) -> List[Tuple[str, str]]:
    """Clips that are far longer than half of their class, and a note.

    Those of which only some seconds are annotated do not count.
    """
    lengths: Dict[str, Dict[str, float]] = {}
    for clip in clips:
        seconds = max((files[name].get('duration') or 0 for name in
                       clip.files.values() if name is not None), default=0)
        if clip.columns.get('start') is clip.columns.get('end') is None:
            lengths.setdefault(clip.label, {})[clip.name] = seconds
    notes = []
    for label, found in lengths.items():
        middle = median(found.values())
        notes += [(name, f'long: {seconds:g} s, half of the clips of {label} '
                   f'last {middle:g} s at the most')
                  for name, seconds in found.items()
                  if seconds > _FAR * middle]
    return notes


def annotations(clips: Sequence[Tuple[PlannedClip, Verdict]]
                ) -> Dict[str, List[dict]]:
    """Rows of the csv files: ``<protocol>/<split>`` -> rows, all sorted."""
    rows: Dict[str, List[dict]] = {}
    for clip, verdict in sorted(clips, key=lambda pair: pair[0].name):
        for protocol, split in clip.splits.items():
            rows.setdefault(f'{protocol}/{split}', []).append(
                dict(clip.files, label=clip.label, **clip.columns,
                     **verdict.columns))
    return dict(sorted(rows.items()))


def table(rows: Sequence[dict], columns: Sequence[str]) -> str:
    """Rows as the text of a csv file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
