"""Folders of plain arrays with a manifest of their hashes.

Everything is written beside its final name and moved into place, arrays
first and the manifest last: at any moment a folder either has a manifest
that describes whole files, or it counts as not prepared.
"""
import hashlib
import io
import json
from pathlib import Path
from typing import Mapping, Optional, Sequence, Union

import numpy as np

from mmbalance_plugin.utils.files import PARTIAL, write_atomic
from mmbalance_plugin.utils.pointers import pointer_file

from .errors import PreparedDataError

MANIFEST = 'manifest.json'


def write_arrays(root: Union[str, Path], dataset: str, version: int,
                 sources: Mapping[str, str],
                 arrays: Mapping[str, np.ndarray]) -> None:
    """Write a prepared data set.

    Args:
        root (str | Path): Folder; made if it is not there.
        dataset (str): Name that ``tools/prepare_data.py`` knows.
        version (int): Version of the layout; loading and re-preparation
            compare it.
        sources (Mapping[str, str]): Source file -> sha256, for the record.
        arrays (Mapping[str, ndarray]): Array name -> array. Saved as
            ``<name>.npy`` without pickle.
    """
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    # From here on the old manifest could describe a mixture of old and
    # new files.
    (root / MANIFEST).unlink(missing_ok=True)
    files = {}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
        data = buffer.getbuffer()
        write_atomic(root / f'{name}.npy', [data])
        files[f'{name}.npy'] = dict(
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            shape=list(array.shape),
            dtype=str(array.dtype))
    manifest = dict(
        dataset=dataset, version=version, sources=dict(sources), files=files)
    text = json.dumps(manifest, indent=2) + '\n'
    write_atomic(root / MANIFEST, [text.encode()])


def read_manifest(root: Union[str, Path], dataset: str, version: int,
                  arguments: Sequence[str] = ()) -> dict:
    """Read the manifest of a prepared data set.

    Arguments are those of :func:`write_arrays`, and ``arguments``, what the
    command that mends it takes besides.

    Raises:
        PreparedDataError: It is missing, unreadable, or was written for
            another data set or layout.
    """
    path = Path(root) / MANIFEST
    problem = pointer_file(path)
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        found = content['dataset'], content['version']
        if found == (dataset, version):
            return content
        problem = (f'describes {found[0]} in layout {found[1]}, needed is '
                   f'{dataset} in layout {version}')
    except (FileNotFoundError, NotADirectoryError):
        problem = problem or 'does not exist'
    except OSError as error:
        problem = f'cannot be read ({error.strerror})'
    except (ValueError, KeyError, TypeError) as error:
        problem = problem or f'cannot be read ({error!r})'
    raise PreparedDataError(path, problem, dataset, root, arguments)


def find_damage(root: Union[str, Path], dataset: str,
                version: int) -> Optional[str]:
    """Say what is wrong with a prepared data set, or None."""
    try:
        for name in read_manifest(root, dataset, version)['files']:
            _read_file(root, name, dataset, version)
    except PreparedDataError as error:
        return error.problem
    return None


def load_array(root: Union[str, Path], name: str, dataset: str,
               version: int) -> np.ndarray:
    """Load one array of a prepared data set, writable; check its hash.

    Arguments are those of :func:`write_arrays`, and the array's name.

    Raises:
        PreparedDataError: If the file or the manifest is missing or
            damaged; names the file and the command that mends it.
    """
    data = _read_file(root, f'{name}.npy', dataset, version)
    return np.load(io.BytesIO(data), allow_pickle=False)


def _read_file(root: Union[str, Path], name: str, dataset: str,
               version: int) -> bytes:
    """What a file of the manifest holds, if that is what was written."""
    path = Path(root) / name
    facts = read_manifest(root, dataset, version)['files'].get(name)
    data, problem = b'', pointer_file(path)
    if facts is None:
        problem = f'is not in {MANIFEST}'
    elif not problem and not path.is_file():
        problem = 'does not exist'
    elif not problem:
        data = path.read_bytes()
        if len(data) != facts['bytes']:
            problem = (f'is damaged: {len(data)} bytes, expected '
                       f'{facts["bytes"]}')
        elif hashlib.sha256(data).hexdigest() != facts['sha256']:
            problem = f'is damaged: its hash is not the one in {MANIFEST}'
    if problem:
        raise PreparedDataError(path, problem, dataset, root)
    return data


def remove_partial(root: Union[str, Path]) -> None:
    """Remove what an interrupted :func:`write_arrays` left."""
    for path in Path(root).glob(f'.*{PARTIAL}'):
        path.unlink()
