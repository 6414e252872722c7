"""Manifest of a media data set: where its clips lie and whether all do.

Unlike the data sets of ``store``, nothing is copied: the clips stay where
they are. The manifest is written last, in one piece, and says that a set is
not complete while what it describes is replaced.
"""
import json
import os
import shlex
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Union

from mmbalance_plugin.utils.files import portable, write_atomic

from .errors import PreparationError, PreparedDataError
from .store import MANIFEST, read_manifest

#: Version of what preparation writes.
LAYOUT = 2
_SHOWN = 5


class IncompleteDataError(PreparedDataError):
    """A media data set lacks clips; names the first and the command.

    Args:
        root (str | Path): Folder of the prepared data.
        problems (Sequence[dict]): Rows with ``clip`` and ``problem``.
        command (str): What prepares it anew.
    """

    def __init__(self, root: Union[str, Path], problems: Sequence[dict],
                 command: str) -> None:
        self.path = Path(root) / MANIFEST
        self.problems = list(problems)
        lines = [f'{p["clip"]}: {p["problem"]}' for p in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            lines.append(f'... and {len(problems) - _SHOWN} more')
        self.problem = (f'{root} is not complete, {len(problems)} problems:'
                        '\n    ' + '\n    '.join(lines))
        RuntimeError.__init__(
            self, f'{self.problem}\nAdd what is missing and run\n'
            f'    {command}\n(with --accept-missing to go on without)')


def command_line(dataset: str, out: Path, arguments: Sequence[str]) -> str:
    """The command that prepares a media data set."""
    return ' '.join([
        'python tools/prepare_data.py', dataset,
        *map(shlex.quote, [*arguments, '--out', str(out)])
    ])


def write_text(path: Path, text: str) -> bool:
    """Write a file in one piece, unless it says so already.

    Returns:
        bool: Whether it had to be written.
    """
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, [data])
    return True


def manifest_text(header: dict, problems: List[dict], accepted: bool) -> str:
    """The manifest as text, the same for the same facts.

    Args:
        header (dict): ``dataset``, ``source``, ``arguments`` and whatever
            else describes the whole.
        problems (List[dict]): ``clip`` and ``problem``.
        accepted (bool): Whether the user goes on without those clips.
    """
    return json.dumps(
        dict(
            header,
            version=LAYOUT,
            complete=not problems or accepted,
            missing_accepted=bool(problems) and accepted,
            problems=problems),
        ensure_ascii=False,
        indent=1) + '\n'


def load_manifest(root: Union[str, Path], dataset: str) -> dict:
    """Read the manifest of a media data set, see :func:`manifest_text`.

    Args:
        root (str | Path): Folder of the prepared data.
        dataset (str): Name that ``tools/prepare_data.py`` knows.

    Raises:
        PreparedDataError: It is not there, unreadable, or another one.
    """
    return read_manifest(root, dataset, LAYOUT, ' --source DIR')


def require_complete(root: Union[str, Path], dataset: str) -> dict:
    """The manifest of a data set that can be trained on.

    Raises:
        IncompleteDataError: Clips were missing or broken when it was
            prepared, and that was not accepted.
        PreparedDataError: There is no usable manifest.
    """
    content = load_manifest(root, dataset)
    if not content['complete']:
        raise IncompleteDataError(root, content['problems'],
                                  mend(root, content))
    return content


def mend(root: Union[str, Path], content: dict) -> str:
    """The command that prepares the set of a manifest anew."""
    return command_line(content['dataset'], Path(root),
                        content.get('arguments', ()))


def source_of(root: Union[str, Path], content: dict) -> Path:
    """Folder of the clips: as prepared, relative to the manifest's."""
    return Path(root) / content['source']


def source_entry(source: Path, out: Path) -> str:
    """How a manifest names its source.

    Relative where the clips lie inside the prepared folder, so that both
    can be moved together.
    """
    source, out = source.resolve(), out.resolve()
    if source == out or out in source.parents:
        return portable(os.path.relpath(source, out))
    return str(source)


def count_problems(problems: Sequence[dict], shown: int = 20) -> str:
    """A report: how many of each kind, and the first clips."""
    kinds: Dict[str, int] = {}
    for row in problems:
        kind = row['problem'].split(':')[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    lines = [f'{n} x {kind}' for kind, n in sorted(kinds.items())]
    lines += [f'    {p["clip"]}: {p["problem"]}' for p in problems[:shown]]
    if len(problems) > shown:
        lines.append(f'    ... and {len(problems) - shown} more')
    return '\n'.join(lines)


def find_source(source: Optional[Path], out: Path, dataset: str) -> Path:
    """The source as given, or the one of an earlier preparation.

    Raises:
        PreparationError: There is neither.
    """
    if source is not None:
        return source
    try:
        source = source_of(out, load_manifest(out, dataset))
    except PreparedDataError as error:
        raise PreparationError(
            f'{dataset} is not downloaded by this tool: pass the folder '
            'that holds it with --source. docs/datasets.md says where it '
            'comes from.') from error
    if not source.is_dir():
        raise PreparationError(
            f'{source}, where {dataset} was prepared from, is gone: pass '
            'the folder that holds it with --source.')
    return source
