"""From the clips of a media data set to its annotation and manifest."""
import csv
import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from .errors import PreparationError, PreparedDataError
from .manifest import (
    OUTDATED,
    command_line,
    count_problems,
    find_source,
    load_manifest,
    manifest_text,
    source_entry,
    write_text,
)
from .media_extract import SHORT_SIDE, extract_all, remembered_size
from .media_verify import Verifier
from .store import MANIFEST, remove_partial

#: Written for the user, not read by anything.
PROBLEMS = 'problems.csv'
NOTES = 'notes.csv'

#: Seconds by which sound and picture of a clip, or a clip and what its
#: annotation says, may differ without being noted.
TOLERANCE = 1.0


@dataclass
class PlannedClip:
    """A clip that a data set should have.

    Args:
        name (str): For reports, and the order of clips within a split.
        label (str): Name of its class.
        files (Dict[str, str]): Column of the annotation (``path``,
            ``video``, ``audio``) -> file relative to the source, or None
            where it was not found.
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


@dataclass
class Plan:
    """What a data set should consist of, before any file is opened.

    Args:
        clips (List[PlannedClip]): All clips.
        classes (Sequence[str]): Names in the order of their numbers.
        needs (Dict[str, Sequence[str]]): Column -> streams that its file
            must have, of ``'video'`` and ``'audio'``.
        problems (List[Tuple[str, str]]): What is wrong with the whole: a
            name and the problem.
    """

    clips: List[PlannedClip]
    classes: Sequence[str]
    needs: Dict[str, Sequence[str]]
    problems: List[Tuple[str, str]] = field(default_factory=list)


class MediaPreparer:
    """Prepares one media data set.

    Args:
        dataset (str): Name that ``tools/prepare_data.py`` knows.
        plan (Callable): ``plan(source, **options)`` gives a :class:`Plan`;
            raises :class:`PreparationError` where there is nothing to plan.
        options (Sequence[str]): Names of options it takes, see
            ``media_options``. Defaults to ().
    """

    def __init__(self, dataset: str, plan: Callable[..., Plan],
                 options: Sequence[str] = ()) -> None:
        self.dataset, self.plan, self.options = dataset, plan, tuple(options)

    def prepare(self,
                out: Path,
                source: Optional[Path],
                check: str = 'decode',
                workers: Optional[int] = None,
                accept_missing: bool = False,
                extract: bool = False,
                extract_size: Optional[int] = None,
                **options) -> bool:
        """Check all clips, write annotations and, last, the manifest.

        Args:
            out (Path): Where to write.
            source (Path, optional): Folder of the set as distributed; None
                for that of the last time.
            check (str): ``'decode'`` or ``'header'``. Defaults to
                ``'decode'``.
            workers (int, optional): Threads. Defaults to None: one a core.
            accept_missing (bool): Whether to go on without the clips that
                are missing or broken. Defaults to False.
            extract (bool): Whether to write copies that decode fast as
                well; done again by itself where they have been written
                before. Defaults to False.
            extract_size (int, optional): Short side of their pictures.
                Defaults to None: as before, else 256.
            options: Those of the data set.

        Returns:
            bool: False if everything was as it is now.

        Raises:
            PreparationError: Something is missing or broken.
        """
        for folder in [p for p in out.iterdir() if p.is_dir()]:
            remove_partial(folder)
        old = self._old(out)
        if source is None and not any(options.values()):
            options = dict(old.get('options', {}))
        source = find_source(source, out, self.dataset)
        unknown = [k for k, v in options.items()
                   if v is not None and k not in self.options]
        if unknown:
            flags = ', '.join('--' + k.replace('_', '-') for k in unknown)
            raise PreparationError(f'{self.dataset} takes no {flags}')
        options = {k: v for k, v in options.items() if v is not None}
        plan = self.plan(source, **options)
        entry = source_entry(source, out)
        known = old.get('files', {}) if old.get('source') == entry else {}
        verifier = Verifier(out, source.resolve(), known, check, workers)
        files = verifier.run(
            name for clip in plan.clips for name in clip.files.values()
            if name is not None)
        changed = self._write(out, source, entry, plan, files, options,
                              accept_missing, old)
        verifier.forget()
        if extract_size is not None and (extract_size < 1 or not extract):
            raise PreparationError('--extract-size is a positive number of '
                                   'pixels, together with --extract')
        before = remembered_size(out)
        # Copies of clips that have changed must not be trained on.
        if extract or before is not None:
            needed = {
                clip.files[column]: files[clip.files[column]]
                for clip in plan.clips
                if clip_problem(clip, files, plan.needs) is None
                for column in plan.needs
            }
            size = extract_size or before or SHORT_SIDE
            changed |= extract_all(
                out, source.resolve(), needed, size, workers) > 0
        return changed

    def _old(self, out: Path) -> dict:
        for name in (MANIFEST, OUTDATED):
            try:
                return load_manifest(out, self.dataset, name)
            except PreparedDataError:
                pass
        return {}

    def _write(self, out: Path, source: Path, entry: str, plan: Plan,
               files: Dict[str, dict], options: dict,
               accepted: bool, old: dict) -> bool:
        good, problems = [], []
        for clip in plan.clips:
            problem = clip_problem(clip, files, plan.needs)
            if problem is None:
                good.append(clip)
            else:
                problems.append(dict(clip=clip.name, problem=problem))
        problems += [
            dict(clip=name, problem=text) for name, text in plan.problems
        ]
        if not good:
            raise PreparationError(
                f'{source} holds no usable clip of {self.dataset}:\n' +
                count_problems(problems))
        texts = annotations(good)
        texts[PROBLEMS] = _table(problems, ('clip', 'problem'))
        notes = [dict(clip=clip.name, note=note) for clip in good
                 for note in [clip_note(clip, files)] if note]
        texts[NOTES] = _table(notes, ('clip', 'note'))
        if notes:
            print(f'{len(notes)} clips have unusual durations, see '
                  f'{out / NOTES}: {notes[0]["clip"]}: {notes[0]["note"]} '
                  '...')
        for folder in {str(Path(name).parent) for name in texts} - {'.'}:
            texts[f'{folder}/classes.txt'] = '\n'.join(plan.classes) + '\n'
        arguments = ['--source', str(source.resolve())]
        for key, value in options.items():
            arguments += ['--' + key.replace('_', '-'),
                          *map(str, value if isinstance(value, list)
                               else [value])]
        header = dict(
            dataset=self.dataset,
            source=entry,
            arguments=arguments,
            options=options,
            classes=list(plan.classes),
            counts=_counts(good))
        rows = [
            dict(clip=c.name, label=c.label, files=c.files, splits=c.splits)
            for c in plan.clips
        ]
        manifest = manifest_text(header, files, rows, problems, accepted)
        changed = not (out / MANIFEST).is_file() or (
            out / MANIFEST).read_text(encoding='utf-8') != manifest
        if changed and (out / MANIFEST).is_file():
            # From here on it could describe other annotations; what it
            # knows about the clips is still worth keeping.
            os.replace(out / MANIFEST, out / OUTDATED)
        changed |= any([
            write_text(out / name, text) for name, text in texts.items()
        ])
        for name in set(old.get('counts', ())) - set(header['counts']):
            (out / f'{name}.csv').unlink(missing_ok=True)
        write_text(out / MANIFEST, manifest)
        (out / OUTDATED).unlink(missing_ok=True)
        self._report(out, header, problems, accepted, arguments)
        return changed

    def _report(self, out, header, problems, accepted, arguments) -> None:
        for name, count in header['counts'].items():
            print(f'{name}: {count} clips')
        if not problems:
            return
        report = (f'{len(problems)} missing or broken (all in '
                  f'{out / PROBLEMS}):\n{count_problems(problems)}')
        if accepted:
            print(f'Accepted: {report}', flush=True)
            return
        command = command_line(self.dataset, out, arguments)
        raise PreparationError(
            f'{self.dataset} is not complete. {report}\nAdd what is missing '
            f'and run\n    {command}\n(with --accept-missing to go on '
            'without)')


def clip_problem(clip: PlannedClip, files: Dict[str, dict],
                 needs: Dict[str, Sequence[str]]) -> Optional[str]:
    """What keeps a clip from being used, or None."""
    for column, streams in needs.items():
        name = clip.files.get(column)
        if name is None:
            what = 'file' if column == 'path' else f'{column} file'
            return f'missing: no {what} was found'
        facts = files[name]
        if 'problem' in facts:
            return f'{facts["problem"]} ({name})'
        for stream in streams:
            if not facts.get(f'has_{stream}'):
                return f'without {stream}: no such stream in {name}'
        if facts.get('duration') is not None and facts['duration'] <= 0:
            return f'empty: lasts {facts["duration"]} s ({name})'
    return None


def clip_note(clip: PlannedClip, files: Dict[str, dict]) -> Optional[str]:
    """What is odd about a clip's durations, though it can be used."""
    found = {
        column: files[name]['duration']
        for column, name in clip.files.items()
        if name is not None and files[name].get('duration') is not None
    }
    if not found:
        return None
    text = ', '.join(f'{column} {seconds:.2f} s'
                     for column, seconds in found.items())
    if max(found.values()) - min(found.values()) > TOLERANCE:
        return f'lengths differ: {text}'
    if clip.seconds is not None and any(
            abs(seconds - clip.seconds) > TOLERANCE
            for seconds in found.values()):
        return f'lasts {text}, annotated are {clip.seconds:g} s'
    return None


def annotations(clips: Sequence[PlannedClip]) -> Dict[str, str]:
    """The csv files: ``<protocol>/<split>.csv`` -> text."""
    rows: Dict[str, List[dict]] = {}
    for clip in sorted(clips, key=lambda clip: clip.name):
        for protocol, split in clip.splits.items():
            rows.setdefault(f'{protocol}/{split}.csv', []).append(
                dict(clip.files, label=clip.label, **clip.columns))
    return {
        name: _table(found, list(found[0]))
        for name, found in sorted(rows.items())
    }


def _table(rows: Sequence[dict], columns: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _counts(clips: Sequence[PlannedClip]) -> Dict[str, int]:
    counts: Dict[str, int] = {}
    for clip in clips:
        for protocol, split in clip.splits.items():
            key = f'{protocol}/{split}'
            counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))
