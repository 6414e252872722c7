"""From the clips of a media data set to its annotation and manifest."""
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from .errors import PreparationError, PreparedDataError
from .manifest import (
    command_line,
    count_problems,
    find_source,
    load_manifest,
    manifest_text,
    source_entry,
    write_text,
)
from .media_files import printable
from .media_plan import (
    PICTURES,
    Plan,
    PlannedClip,
    Verdict,
    annotations,
    counts,
    table,
)
from .media_verify import FILES, Verifier, facts_text
from .store import MANIFEST, remove_partial

__all__ = ['MediaPreparer', 'Plan', 'PlannedClip', 'Verdict', 'PICTURES']

#: Written for the user, not read by anything.
PROBLEMS = 'problems.csv'
NOTES = 'notes.csv'


class MediaPreparer:
    """Prepares one media data set.

    Args:
        dataset (str): Name that ``tools/prepare_data.py`` knows.
        plan (Callable): ``plan(source, **options)`` gives a :class:`Plan`;
            raises :class:`PreparationError` where there is nothing to plan.
        options (Sequence[str]): Names of options it takes, see
            ``cli.prepare``. Defaults to ().
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
                **options) -> bool:
        """Check all clips, write annotations and, last, the manifest.

        Args:
            out (Path): Where to write.
            source (Path, optional): Folder of the set as distributed; None
                for that of the last time, with the options of that time
                where none are given.
            check (str): ``'decode'`` or ``'header'``. Defaults to
                ``'decode'``.
            workers (int, optional): Threads. Defaults to None: one a core.
            accept_missing (bool): Whether to go on without the clips that
                are missing or broken. Defaults to False.
            options: Those of the data set.

        Returns:
            bool: False if everything was as it is now.

        Raises:
            PreparationError: Something is missing or broken.
        """
        # Everything that can be refused, before hours of decoding.
        if workers is not None and workers < 1:
            raise PreparationError('--workers is a positive number')
        options = self._known_options(options)
        for folder in [p for p in out.iterdir() if p.is_dir()]:
            remove_partial(folder)
        old = self._old(out)
        if source is None:
            options = {**old.get('options', {}), **options}
        source = find_source(source, out, self.dataset).resolve()
        for path in (source, out):
            if str(path) != printable(str(path)):
                raise PreparationError(
                    f'the name of {printable(str(path))} is not in UTF-8')
        plan = self.plan(source, **options)
        verifier = Verifier(out, source, check, workers)
        files = verifier.run(
            name for clip in plan.clips for name in clip.files.values()
            if name is not None)
        clips = [(clip, plan.judge(clip, files)) for clip in plan.clips]
        return self._write(out, source, plan, clips, files, options,
                           accept_missing, old)

    def _known_options(self, options: dict) -> dict:
        options = {k: v for k, v in options.items() if v is not None}
        unknown = [k for k in options if k not in self.options]
        if unknown:
            flags = ', '.join('--' + k.replace('_', '-') for k in unknown)
            raise PreparationError(f'{self.dataset} takes no {flags}')
        return options

    def _old(self, out: Path) -> dict:
        try:
            return load_manifest(out, self.dataset)
        except PreparedDataError:
            return {}

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
        texts = annotations(good)
        for folder in {str(Path(name).parent) for name in texts}:
            texts[f'{folder}/classes.txt'] = '\n'.join(plan.classes) + '\n'
        texts[PROBLEMS] = table(problems, ('clip', 'problem'))
        texts[NOTES] = table(notes, ('clip', 'note'))
        texts[FILES] = facts_text(files)
        arguments = _arguments(source, options)
        header = dict(
            dataset=self.dataset,
            source=source_entry(source, out),
            arguments=arguments,
            options=options,
            classes=list(plan.classes),
            counts=counts([clip for clip, _ in good]))
        changed = self._replace(
            out, {**texts, MANIFEST: manifest_text(header, problems, accepted)
                  }, old)
        for name in set(old.get('counts', ())) - set(header['counts']):
            (out / f'{name}.csv').unlink(missing_ok=True)
        self._report(out, header, problems, notes, accepted)
        return changed

    def _replace(self, out: Path, texts: Dict[str, str], old: dict) -> bool:
        """Write all files, the manifest last; False if nothing changes."""
        path = out / MANIFEST
        if path.is_file() and path.read_bytes() != texts[MANIFEST].encode():
            # From here on it could describe other annotations. What it knows
            # of the last time is still worth keeping.
            problem = dict(clip=self.dataset, problem='interrupted: it was '
                           'being prepared anew')
            write_text(path, manifest_text(
                old or dict(dataset=self.dataset), [problem], False))
        return any([write_text(out / name, text)
                    for name, text in texts.items()])

    def _report(self, out: Path, header: dict, problems: List[dict],
                notes: List[dict], accepted: bool) -> None:
        if notes:
            print(f'{len(notes)} clips are unusual, see {out / NOTES}: '
                  f'{notes[0]["clip"]}: {notes[0]["note"]} ...')
        for name, count in header['counts'].items():
            print(f'{name}: {count} clips')
        if not problems:
            return
        report = (f'{len(problems)} missing or broken (all in '
                  f'{out / PROBLEMS}):\n{count_problems(problems)}')
        if accepted:
            print(f'Accepted: {report}', flush=True)
            return
        command = command_line(self.dataset, out, header['arguments'])
        raise PreparationError(
            f'{self.dataset} is not complete. {report}\nAdd what is missing '
            f'and run\n    {command}\n(with --accept-missing to go on '
            'without)')


def _arguments(source: Path, options: dict) -> List[str]:
    """The flags that prepare the same again."""
    arguments = ['--source', str(source)]
    for key, value in options.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        arguments += ['--' + key.replace('_', '-'), *map(str, values)]
    return arguments
