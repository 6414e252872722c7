"""Folders of plain arrays with a manifest of their hashes.

Everything is written beside its final name and moved into place, arrays
first and the manifest last: at any moment a folder either has a manifest
that describes whole files, or it counts as not prepared.
"""
import hashlib
import io
import json
from pathlib import Path
from typing import Dict, Mapping, Optional, Union

import numpy as np

from mmbalance_plugin.utils.files import PARTIAL, sha256_file, write_atomic
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


def read_manifest(root: Union[str, Path], dataset: str,
                  version: int) -> Dict[str, dict]:
    """Read the manifest of a prepared data set.

    Returns:
        Dict[str, dict]: File name -> its ``sha256``, ``bytes``, ``shape``
        and ``dtype``.

    Raises:
        PreparedDataError: If it is missing, unreadable, or was written for
            another data set or layout.
    """
    path = Path(root) / MANIFEST
    if not path.is_file() or pointer_file(path):
        raise PreparedDataError(path, pointer_file(path) or 'does not exist',
                                dataset, root)
    try:
        manifest = json.loads(path.read_text())
        found = manifest['dataset'], manifest['version']
        files = dict(manifest['files'])
    except (ValueError, KeyError, TypeError) as error:
        raise PreparedDataError(path, f'cannot be read ({error!r})', dataset,
                                root) from error
    if found != (dataset, version):
        raise PreparedDataError(
            path, f'describes {found[0]} in layout {found[1]}, needed is '
            f'{dataset} in layout {version}', dataset, root)
    return files


def find_damage(root: Union[str, Path], dataset: str,
                version: int) -> Optional[str]:
    """Say what is wrong with a prepared data set, or None."""
    try:
        files = read_manifest(root, dataset, version)
    except PreparedDataError as error:
        return error.problem
    for name, facts in files.items():
        path = Path(root) / name
        if not path.is_file():
            return f'{path} does not exist'
        if path.stat().st_size != facts['bytes'] or sha256_file(
                path) != facts['sha256']:
            return f'{path} is damaged'
    return None


def load_array(root: Union[str, Path], name: str, dataset: str,
               version: int) -> np.ndarray:
    """Load one array of a prepared data set and check its hash.

    Args:
        root (str | Path): Folder of the prepared data.
        name (str): Name of the array, without suffix.
        dataset (str): Name that ``tools/prepare_data.py`` knows.
        version (int): Version of the layout.

    Returns:
        ndarray: The array, writable.

    Raises:
        PreparedDataError: If the file or the manifest is missing or
            damaged; names the file and the command that mends it.
    """
    path = Path(root) / f'{name}.npy'
    facts = read_manifest(root, dataset, version).get(path.name)
    if facts is None:
        raise PreparedDataError(path, f'is not in {MANIFEST}', dataset, root)
    if not path.is_file() or pointer_file(path):
        raise PreparedDataError(path, pointer_file(path) or 'does not exist',
                                dataset, root)
    data = path.read_bytes()
    if len(data) != facts['bytes']:
        raise PreparedDataError(
            path, f'is damaged: {len(data)} bytes, expected '
            f'{facts["bytes"]}', dataset, root)
    if hashlib.sha256(data).hexdigest() != facts['sha256']:
        raise PreparedDataError(path, 'is damaged: its hash is not the one '
                                f'in {MANIFEST}', dataset, root)
    return np.load(io.BytesIO(data), allow_pickle=False)


def remove_partial(root: Union[str, Path]) -> None:
    """Remove what an interrupted :func:`write_arrays` left."""
    for path in Path(root).glob(f'.*{PARTIAL}'):
        path.unlink()
