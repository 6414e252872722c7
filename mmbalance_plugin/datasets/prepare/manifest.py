"""Manifest of a media data set: where its clips lie and whether all do.

Unlike the data sets of ``store``, nothing is copied: the clips stay where
they are. The manifest is written last, in one piece, and says that a set is
not complete while what it describes is replaced.
"""
import json
import os
from collections import Counter
from pathlib import Path
from typing import List, Optional, Sequence, Union

from mmbalance_plugin.utils.files import portable, write_atomic

from .errors import PreparationError, PreparedDataError
from .store import MANIFEST, read_manifest

#: Version of what preparation writes.
LAYOUT = 2


def write_text(path: Path, text: str) -> bool:
    """Write a file in one piece; False if it says so already."""
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, [data])
    return True


def manifest_text(header: dict, problems: List[dict], accepted: bool) -> str:
    """The manifest as text, the same for the same facts.

    ``header`` describes the whole, ``problems`` have ``clip`` and
    ``problem``; ``accepted`` says that the user goes on without those clips.
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

    Raises:
        PreparedDataError: It is not there, unreadable, or another one.
    """
    return read_manifest(root, dataset, LAYOUT, ('--source', 'DIR'))


def require_complete(root: Union[str, Path], dataset: str) -> dict:
    """The manifest of a data set that can be trained on.

    Raises:
        PreparedDataError: There is no usable manifest; or clips were missing
            or broken when it was written, and that was not accepted.
    """
    content = load_manifest(root, dataset)
    if not content['complete']:
        raise PreparedDataError(
            Path(root) / MANIFEST, f'says that {dataset} is not complete:\n'
            f'{count_problems(content["problems"], 5)}\nAdd what is missing, '
            'or accept that with --accept-missing', dataset, root,
            content.get('arguments', ()))
    return content


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
    kinds = Counter(row['problem'].split(':')[0] for row in problems)
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
        source = out / load_manifest(out, dataset)['source']
    except PreparedDataError as error:
        raise PreparationError(
            f'{dataset} is not downloaded by this tool: pass the folder of '
            'its clips with --source (docs/datasets.md)') from error
    if not source.is_dir():
        raise PreparationError(
            f'{source}, where {dataset} was prepared from, is gone: pass '
            'the folder that holds it with --source.')
    return source
