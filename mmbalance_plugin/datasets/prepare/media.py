"""From the clips of a media data set to its annotation and manifest."""
from collections import Counter
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from .errors import PreparationError, PreparedDataError, mend_command
from .manifest import (
    count_problems,
    find_source,
    load_manifest,
    manifest_text,
    source_entry,
    write_text,
)
from .media_files import printable
from .media_plan import (
    Plan,
    PlannedClip,
    Verdict,
    annotations,
    far_longer,
    table,
)
from .media_verify import FILES, facts_text, inspect_files, shard_files
from .store import MANIFEST, remove_partial

#: Written for the user, not read by anything.
PROBLEMS = 'problems.csv'
NOTES = 'notes.csv'
#: Options of decoding that say what may be wrong with a file.
ALLOWED = ('allow_truncated', 'allow_changes', 'allow_damage')
#: All options that training is to decode by, too.
READING = (*ALLOWED, 'square_pixels')


class MediaPreparer:
    """Prepares one media data set.

    Args:
        dataset (str): Name that ``tools/prepare_data.py`` knows.
        plan (Callable): ``plan(source, **options)`` gives a :class:`Plan`;
            raises :class:`PreparationError` where there is nothing to plan.
        options (Sequence[str]): Names of options that it takes, see
            ``cli.prepare``. Defaults to ().
    """

    def __init__(self, dataset: str, plan: Callable[..., Plan],
                 options: Sequence[str] = ()) -> None:
        self.dataset, self.plan = dataset, plan
        self.options = ('check', 'workers', 'accept_missing', 'shard',
                        *options)

    def prepare(self,
                out: Path,
                source: Optional[Path],
                check: str = 'decode',
                workers: Optional[int] = None,
                accept_missing: bool = False,
                shard: Optional[Tuple[int, int]] = None,
                **options) -> bool:
        """Check all clips, write annotations and, last, the manifest.

        The work of many machines: each checks a shard of the files, which
        writes nothing else; then one more call without ``shard`` checks what
        none of them has, and writes what a single call would have written.

        Args:
            out (Path): Where to write.
            source (Path, optional): Folder of the set as distributed; None
                for that of the last time, with the options of that time
                where none are given.
            check, workers, accept_missing, shard: See ``prepare_data.py
                --help``.
            options: Those of the data set.

        Returns:
            bool: False if everything was as it is now.

        Raises:
            PreparationError: Something is missing or broken.
        """
        # Everything that can be refused, before hours of decoding.
        if workers is not None and workers < 1:
            raise PreparationError('--workers is a positive number')
        if shard is None:
            for folder in [p for p in out.iterdir() if p.is_dir()]:
                remove_partial(folder)
        try:
            old = load_manifest(out, self.dataset)
        except PreparedDataError:
            old = {}
        if source is None:
            options = {**old.get('options', {}), **options}
        source = find_source(source, out, self.dataset).resolve()
        for path in (source, out):
            if str(path) != printable(str(path)):
                raise PreparationError(
                    f'the name of {printable(str(path))} is not in UTF-8')
        plan = self.plan(source, **{
            key: value for key, value in options.items()
            if key not in READING})
        files = inspect_files(
            (name for clip in plan.clips for name in clip.files.values()
             if name is not None), out, source, check, workers, shard,
            **{key: options[key] for key in ALLOWED if key in options})
        if shard is not None:
            bad = sum('problem' in facts for facts in files.values())
            print(f'{len(files)} files checked, {bad} of them missing or '
                  'broken')
            return True
        clips = [(clip, plan.judge(clip, files)) for clip in plan.clips]
        return self._write(out, source, plan, clips, files, options,
                           accept_missing, old)

    def _write(self, out: Path, source: Path, plan: Plan,
               clips: List[Tuple[PlannedClip, Verdict]],
               files: Dict[str, dict], options: dict, accepted: bool,
               old: dict) -> bool:
        good = [pair for pair in clips if pair[1].problem is None]
        problems = [
            dict(clip=clip.name, problem=verdict.problem)
            for clip, verdict in clips if verdict.problem is not None
        ] + [dict(clip=name, problem=text) for name, text in plan.problems]
        if not good:
            raise PreparationError(
                f'{source} holds no usable clip of {self.dataset}:\n' +
                count_problems(problems))
        notes = [dict(clip=name, note=text) for name, text in plan.notes]
        notes += [dict(clip=clip.name, note=verdict.note)
                  for clip, verdict in good if verdict.note]
        notes += [dict(clip=name, note=text) for name, text in far_longer(
            [clip for clip, _ in good], files)]
        rows = annotations(good)
        texts = {f'{name}.csv': table(found, list(found[0]))
                 for name, found in rows.items()}
        for folder in {name.partition('/')[0] for name in rows}:
            texts[f'{folder}/classes.txt'] = '\n'.join(plan.classes) + '\n'
        texts[PROBLEMS] = table(problems, ('clip', 'problem'))
        texts[NOTES] = table(notes, ('clip', 'note'))
        texts[FILES] = facts_text(files)
        header = dict(
            dataset=self.dataset,
            source=source_entry(source, out),
            arguments=_arguments(source, options),
            options=options,
            classes=list(plan.classes),
            counts={name: len(found) for name, found in rows.items()})
        texts[MANIFEST] = manifest_text(header, problems, accepted)
        path = out / MANIFEST
        if path.is_file() and path.read_bytes() != texts[MANIFEST].encode():
            # From here on it could describe other annotations. What it knows
            # of the last time is still worth keeping.
            problem = dict(clip=self.dataset, problem='interrupted: it was '
                           'being prepared anew')
            write_text(path, manifest_text(
                old or dict(dataset=self.dataset), [problem], False))
        # The manifest is the last.
        changed = any([write_text(out / name, text)
                       for name, text in texts.items()])
        for name in set(old.get('counts', ())) - set(rows):
            (out / f'{name}.csv').unlink(missing_ok=True)
        for merged in shard_files(out):
            merged.unlink()
        self._report(out, header, problems, notes, accepted,
                     Counter(what for facts in files.values()
                             for what in facts.get('tolerated', ())))
        return changed

    def _report(self, out: Path, header: dict, problems: List[dict],
                notes: List[dict], accepted: bool,
                allowed: Dict[str, int]) -> None:
        if notes:
            print(f'{len(notes)} clips are unusual, see {out / NOTES}: '
                  f'{notes[0]["clip"]}: {notes[0]["note"]} ...')
        for name, count in header['counts'].items():
            print(f'{name}: {count} clips')
        for what, count in allowed.items():
            print(f'Allowed: {count} files with {what}')
        if not problems:
            return
        report = (f'{len(problems)} missing or broken (all in '
                  f'{out / PROBLEMS}):\n{count_problems(problems)}')
        if accepted:
            print(f'Accepted: {report}', flush=True)
            return
        command = mend_command(self.dataset, out, header['arguments'])
        raise PreparationError(
            f'{self.dataset} is not complete. {report}\nAdd what is missing '
            f'and run\n    {command}\n(with --accept-missing to go on '
            'without)')


def _arguments(source: Path, options: dict) -> List[str]:
    """The flags that prepare the same again."""
    arguments = ['--source', str(source)]
    for key, value in options.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        arguments += ['--' + key.replace('_', '-'),
                      *(str(v) for v in values if v is not True)]
    return arguments
