"""The command behind ``tools/prepare_data.py``."""
import argparse
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import (
    Callable,
    Dict,
    Iterator,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

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
    """How a data set of plain arrays is prepared.

    Args:
        dataset (str): Its name.
        layout (int): Version of what it writes.
        run (Callable): Called with the output folder and the source
            folder or None.
    """

    dataset: str
    layout: int
    run: Callable[[Path, Optional[Path]], None]

    def prepare(self, out: Path, source: Optional[Path], **options) -> bool:
        """Write the arrays, unless they are there and whole."""
        if options:
            flags = ', '.join('--' + key.replace('_', '-') for key in options)
            raise PreparationError(f'{self.dataset} takes no {flags}')
        damage = find_damage(out, self.dataset, self.layout)
        if damage is None:
            return False
        print(f'Preparing {self.dataset} in {out} ({damage})', flush=True)
        self.run(out, source)
        return True


PREPARERS: Dict[str, Union[Preparer, MediaPreparer]] = {
    av_digits.DATASET:
    Preparer(av_digits.DATASET, av_digits.LAYOUT,
             av_digits.prepare_av_digits),
    multiple_features.DATASET:
    Preparer(multiple_features.DATASET, multiple_features.LAYOUT,
             multiple_features.prepare_multiple_features),
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
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _alone(out):
            remove_partial(out)
            return PREPARERS[name].prepare(out, source, **options)
    except OSError as error:
        # A full disk or a folder without permission: no traceback needed.
        raise PreparationError(str(error)) from error


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
        argument_default=argparse.SUPPRESS,
        description='Prepare a data set: fetch it, check it, and write it '
        'as plain arrays; or, of a set of clips, check every file where it '
        'lies and write annotations and a manifest. Running it again only '
        'checks what is there.')
    parser.add_argument('name', choices=sorted(PREPARERS))
    parser.add_argument(
        '--source',
        metavar='DIR',
        default=None,
        help='folder with the files already downloaded (offline); needed '
        'for sets of clips')
    parser.add_argument(
        '--out',
        metavar='DIR',
        default=None,
        help='where to write (default: data/NAME)')
    add_media_arguments(parser)
    options = vars(parser.parse_args(arguments))
    name, source = options.pop('name'), options.pop('source')
    out = options.pop('out') or f'data/{name}'
    try:
        done = prepare(name, source, out, **options)
    except PreparationError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; run it again to go on', file=sys.stderr)
        return 130
    print(f'{name}: {"prepared" if done else "up to date"} in {out}')
    return 0


def add_media_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags for data sets of clips.

    Paths are kept for the next time, which may be in another folder.
    """
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
        type=os.path.abspath,
        metavar='CSV',
        help='crema_d: train.csv and test.csv of the paper protocol, or '
        'their folder')
    group.add_argument(
        '--annotations',
        nargs='+',
        type=os.path.abspath,
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
        type=os.path.abspath,
        metavar='DIR',
        help='ucf101: folder of the flow pictures u/ and v/ (default: looked '
        'for in the source)')
