"""Finding the files of a media data set below a folder."""
import os
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence

from .errors import PreparationError

VIDEO = ('.mp4', '.mkv', '.webm', '.avi', '.flv', '.mov', '.mpg', '.m4v')


def index_files(folder: Path, suffixes: Sequence[str],
                root: Optional[Path] = None) -> Dict[str, str]:
    """Name without suffix -> path, of all files below a folder.

    Args:
        folder (Path): Where to look; links to folders are followed.
        suffixes (Sequence[str]): Lower case, with the dot.
        root (Path, optional): What paths are relative to. Defaults to None:
            ``folder``.

    Returns:
        Dict[str, str]: Of two files of one name, the first path in order.
    """
    root = root or folder
    found: Dict[str, str] = {}
    for top, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(names):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in suffixes and not name.startswith('.'):
                path = os.path.relpath(os.path.join(top, name), root)
                found.setdefault(stem, path)
    return found


def find_folder(source: Path, names: Iterable[str], what: str) -> Path:
    """The first of some folders that is there, in any case of letters.

    Raises:
        PreparationError: None is.
    """
    wanted = [name.lower() for name in names]
    there = {p.name.lower(): p for p in sorted(source.iterdir())
             if p.is_dir()}
    for name in wanted:
        if name in there:
            return there[name]
    raise PreparationError(
        f'{source} has no folder {" or ".join(names)} with the {what}')


def read_lines(path: Path) -> List[str]:
    """Lines of a text file without ends and empty ones.

    Raises:
        PreparationError: It cannot be read.
    """
    try:
        text = path.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        raise PreparationError(f'{path} cannot be read: {error}') from error
    return [line.strip() for line in text.splitlines() if line.strip()]
