"""The command behind ``tools/prepare_data.py``."""
import argparse
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, NamedTuple, Optional, Sequence, Union

from filelock import FileLock, Timeout

from . import (
    av_digits,
    crema_d,
    kinetics_sounds,
    multiple_features,
    ucf101,
    vggsound,
)
from .errors import PreparationError
from .media import MediaPreparer
from .media_verify import CHECKS
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


PREPARERS: Dict[str, Union[Preparer, MediaPreparer]] = {
    av_digits.DATASET:
    Preparer(av_digits.prepare_av_digits, av_digits.LAYOUT),
    multiple_features.DATASET:
    Preparer(multiple_features.prepare_multiple_features,
             multiple_features.LAYOUT),
}
for _set in (crema_d, kinetics_sounds, vggsound, ucf101):
    PREPARERS[_set.DATASET] = _set.PREPARER


def prepare(name: str,
            source: Optional[Union[str, Path]] = None,
            out: Optional[Union[str, Path]] = None,
            **options) -> bool:
    """Prepare a data set, unless it is there and whole.

    Safe to interrupt at any point and to run again; two at a time wait
    for each other.

    Args:
        name (str): A key of ``PREPARERS``.
        source (str | Path, optional): Folder with files already
            downloaded; nothing is downloaded then. Defaults to None.
        out (str | Path, optional): Where to write. Defaults to
            ``data/<name>``.
        options: Only for data sets of media files, see
            ``MediaPreparer.prepare``.

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
    if source is not None and not os.path.isdir(source):
        raise PreparationError(f'--source {source} is no folder, or may not '
                               'be looked into.')
    preparer = PREPARERS[name]
    media = isinstance(preparer, MediaPreparer)
    given = [key for key, value in options.items() if value]
    if given and not media:
        flags = ', '.join('--' + key.replace('_', '-') for key in given)
        raise PreparationError(f'{name} takes no {flags}')
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _alone(out):
            remove_partial(out)
            if media:
                return preparer.prepare(out, source, **options)
            damage = find_damage(out, name, preparer.layout)
            if damage is None:
                return False
            print(f'Preparing {name} in {out} ({damage})', flush=True)
            preparer.run(out, source)
    except OSError as error:
        # A full disk or a folder without permission: no traceback needed.
        raise PreparationError(str(error)) from error
    return True


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Wait until no other process prepares the folder, and say so."""
    lock = FileLock(out / '.lock')
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f'Another process prepares {out}: waiting for it', flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Parse a command line, prepare, and return the exit status."""
    parser = argparse.ArgumentParser(
        description='Prepare a data set: fetch it, check it, and write it '
        'as plain arrays; or, of a set of clips, check every file where it '
        'lies and write annotations and a manifest. Running it again only '
        'checks what is there.')
    parser.add_argument('name', choices=sorted(PREPARERS))
    parser.add_argument(
        '--source',
        metavar='DIR',
        help='folder with the files already downloaded (offline); needed '
        'for sets of clips')
    parser.add_argument(
        '--out', metavar='DIR', help='where to write (default: data/NAME)')
    add_media_arguments(parser)
    args = parser.parse_args(arguments)
    out = args.out or f'data/{args.name}'
    try:
        done = prepare(args.name, args.source, out, **media_options(args))
    except PreparationError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; run it again to go on', file=sys.stderr)
        return 130
    print(f'{args.name}: {"prepared" if done else "up to date"} in {out}')
    return 0


def add_media_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags for data sets of clips."""
    group = parser.add_argument_group('data sets of clips')
    group.add_argument(
        '--accept-missing',
        action='store_true',
        help='leave missing and broken clips out instead of failing')
    group.add_argument(
        '--check',
        choices=CHECKS,
        help='decode every file (default), or only read its header')
    group.add_argument(
        '--workers', type=int, metavar='N', help='threads (default: all)')
    group.add_argument(
        '--split-csv',
        nargs='+',
        metavar='CSV',
        help='crema_d: train.csv and test.csv of the paper protocol, or '
        'their folder')
    group.add_argument(
        '--annotations',
        nargs='+',
        metavar='FILE',
        help='kinetics_sounds, vggsound: annotation files (default: the csv '
        'files in the source); kinetics_sounds also takes the split files '
        'of the imbalance papers')
    group.add_argument(
        '--classes',
        type=int,
        choices=(31, 34),
        help='kinetics_sounds: class list (default: 31)')
    group.add_argument(
        '--flow',
        metavar='DIR',
        help='ucf101: folder of the flow pictures u/ and v/ (default: looked '
        'for in the source)')


def media_options(args: argparse.Namespace) -> dict:
    """What of a command line is for data sets of clips, if given."""
    options = dict(
        check=args.check,
        workers=args.workers,
        accept_missing=args.accept_missing,
        split_csv=args.split_csv,
        annotations=args.annotations,
        classes=args.classes,
        flow=args.flow)
    for key in ('split_csv', 'annotations', 'flow'):
        value = options[key]
        # Kept for the next time, which may be in another folder.
        if isinstance(value, str):
            options[key] = os.path.abspath(value)
        elif value:
            options[key] = [os.path.abspath(path) for path in value]
    return {key: value for key, value in options.items() if value}
