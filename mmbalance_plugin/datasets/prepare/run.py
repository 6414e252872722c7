"""The command behind ``tools/prepare_data.py``."""
import argparse
import sys
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Sequence, Union

from filelock import FileLock

from . import av_digits, multiple_features
from .errors import PreparationError
from .store import find_damage, remove_partial


class Preparer(NamedTuple):
    """How one data set is prepared.

    Args:
        run (Callable): Called with the output folder and the source
            folder or None.
        layout (int): Version of what it writes.
    """

    run: callable
    layout: int


PREPARERS: Dict[str, Preparer] = {
    av_digits.DATASET:
    Preparer(av_digits.prepare_av_digits, av_digits.LAYOUT),
    multiple_features.DATASET:
    Preparer(multiple_features.prepare_multiple_features,
             multiple_features.LAYOUT),
}


def prepare(name: str,
            source: Optional[Union[str, Path]] = None,
            out: Optional[Union[str, Path]] = None) -> bool:
    """Prepare a data set, unless it is there and whole.

    Safe to interrupt at any point and to run again; two at a time wait
    for each other.

    Args:
        name (str): A key of ``PREPARERS``.
        source (str | Path, optional): Folder with files already
            downloaded; nothing is downloaded then. Defaults to None.
        out (str | Path, optional): Where to write. Defaults to
            ``data/<name>``.

    Returns:
        bool: False if there was nothing to do.

    Raises:
        PreparationError: If it cannot be prepared.
    """
    if name not in PREPARERS:
        raise PreparationError(f'No data set is called {name!r}; there are '
                               f'{", ".join(PREPARERS)}.')
    out = Path('data', name) if out is None else Path(out)
    source = None if source is None else Path(source)
    if source is not None and not source.is_dir():
        raise PreparationError(f'--source {source} is no folder.')
    preparer = PREPARERS[name]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with FileLock(out / '.lock'):
            remove_partial(out)
            damage = find_damage(out, name, preparer.layout)
            if damage is None:
                return False
            print(f'Preparing {name} in {out} ({damage})', flush=True)
            preparer.run(out, source)
    except OSError as error:
        # A full disk or a folder without permission: no traceback needed.
        raise PreparationError(str(error)) from error
    return True


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Parse a command line, prepare, and return the exit status."""
    parser = argparse.ArgumentParser(
        description='Fetch a data set, check it, and write it as plain '
        'arrays. Running it again only checks what is there.')
    parser.add_argument('name', choices=sorted(PREPARERS))
    parser.add_argument(
        '--source',
        metavar='DIR',
        help='folder with the files already downloaded (offline)')
    parser.add_argument(
        '--out', metavar='DIR', help='where to write (default: data/NAME)')
    args = parser.parse_args(arguments)
    out = args.out or f'data/{args.name}'
    try:
        done = prepare(args.name, args.source, out)
    except PreparationError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; run it again to go on', file=sys.stderr)
        return 130
    print(f'{args.name}: {"prepared" if done else "up to date"} in {out}')
    return 0
