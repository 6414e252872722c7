"""Finding the files of a media data set below a folder."""
import os
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from mmbalance_plugin.utils.files import portable

from .errors import PreparationError

VIDEO = ('.mp4', '.mkv', '.webm', '.avi', '.flv', '.mov', '.mpg', '.m4v')


class FileIndex:
    """Files below a folder, by their names without suffix.

    Links to folders are followed, each folder once. Hidden files are passed
    over.

    Args:
        folder (Path): Where to look.
        suffixes (Sequence[str]): Lower case; files may have any.
        root (Path, optional): What paths are relative to. Defaults to None:
            ``folder``.
        fold (bool): Whether case makes no difference. Defaults to False.

    Attributes:
        names (Dict[str, str]): Name (lower case with ``fold``) -> path.
            Of several files of one name the first path in order.
        doubles (Dict[str, List[str]]): Path in ``names`` -> the others of
            that name.
        problems (List[Tuple[str, str]]): Folders that cannot be listed and
            names that cannot be written down: what, and what is wrong.
    """

    def __init__(self, folder: Path, suffixes: Sequence[str],
                 root: Optional[Path] = None, fold: bool = False) -> None:
        self.fold = fold
        self.names: Dict[str, str] = {}
        self.doubles: Dict[str, List[str]] = {}
        self.problems: List[Tuple[str, str]] = []
        for top, names in self._walk(folder):
            place = portable(os.path.relpath(top, root or folder))
            for name in names:
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in suffixes:
                    self._add(self._key(stem), f'{place}/{name}'.
                              removeprefix('./'))

    def _walk(self, folder: Path) -> Iterator[Tuple[str, List[str]]]:
        """Each folder and the sorted names in it."""
        seen = set()
        for top, folders, names in os.walk(
                folder, followlinks=True, onerror=self._unlistable):
            # A link may lead back to a folder that contains it.
            status = os.stat(top)
            if (status.st_dev, status.st_ino) in seen:
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            folders.sort()
            yield top, sorted(n for n in names if not n.startswith('.'))

    def _unlistable(self, error: OSError) -> None:
        self.problems.append(
            (printable(str(error.filename)),
             f'unreadable: this folder cannot be listed: {error.strerror}'))

    def _add(self, key: str, path: str) -> None:
        if path != printable(path):
            self.problems.append((printable(path), 'unreadable: its name is '
                                  'not in UTF-8; rename it'))
        elif key in self.names:
            self.doubles.setdefault(self.names[key], []).append(path)
        else:
            self.names[key] = path

    def _key(self, name: str) -> str:
        return name.lower() if self.fold else name

    def find(self, *names: str) -> Optional[str]:
        """Path of the first of some names that is there, or None."""
        for name in names:
            path = self.names.get(self._key(name))
            if path is not None:
                return path
        return None

    def notes(self, clip: str, path: Optional[str]) -> List[Tuple[str, str]]:
        """What a user should know about the file that a clip uses."""
        return [(clip, f'several files of that name: {path} is used, not '
                 f'{", ".join(self.doubles[path])}')
                ] if path in self.doubles else []


def printable(text: str) -> str:
    """Text in which bytes that are no UTF-8 are spelt out."""
    return text.encode('utf-8', 'backslashreplace').decode('utf-8')


def find_folder(source: Path, names: Iterable[str], what: str) -> Path:
    """The first of some folders that is there, in any case of letters.

    Raises:
        PreparationError: None is.
    """
    there = subfolders(source)
    for name in names:
        if name.lower() in there:
            return source / there[name.lower()]
    raise PreparationError(
        f'{source} has no folder {" or ".join(names)} with the {what}')


def subfolders(folder: Path) -> Dict[str, str]:
    """Name in lower case -> name of the folders in a folder.

    Raises:
        PreparationError: It cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.is_dir())
    except OSError as error:
        raise PreparationError(
            f'{folder} cannot be listed: {error.strerror}') from error
    return {name.lower(): name for name in reversed(names)}
