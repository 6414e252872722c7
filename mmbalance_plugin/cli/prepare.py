"""The command behind ``tools/prepare_data.py``."""
import argparse
import os
import re
import sys
from typing import Optional, Sequence, Tuple

from .arguments import add_verbose
from .command import Interrupted, command

# Told here, too, so that a mistyped one is refused before all data sets are
# imported; a test compares.
NAMES = ('av_digits', 'cgmnist', 'clips', 'crema_d', 'htad',
         'kinetics_sounds', 'mnist_halves', 'multiple_features', 'ucf101',
         'vggsound', 'watch')


@command
def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Parse a command line, prepare, and return the exit status."""
    parser = argparse.ArgumentParser(
        argument_default=argparse.SUPPRESS,
        description='Prepare a data set: fetch it, check it, and write it '
        'as plain arrays; or, of a set of clips, check every file where it '
        'lies and write annotations and a manifest. Running it again only '
        'checks what is there.')
    parser.add_argument('name', choices=NAMES)
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
    add_verbose(parser)
    options = vars(parser.parse_args(arguments))
    options.pop('verbose', None)
    name, source = options.pop('name'), options.pop('source')
    out = options.pop('out') or f'data/{name}'
    # Here and not above: it imports all data sets.
    from mmbalance_plugin.datasets.prepare import PreparationError, prepare
    try:
        done = prepare(name, source, out, **options)
    except PreparationError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        raise Interrupted('run it again to go on') from stop
    state = 'prepared' if done else 'up to date'
    if 'shard' in options:
        state = 'shard {} of {} checked'.format(*options['shard'])
    print(f'{name}: {state} in {out}')
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
        choices=('decode', 'header'),
        help='decode every file (default), or only read its header')
    group.add_argument(
        '--workers', type=int, metavar='N', help='threads (default: all)')
    group.add_argument(
        '--shard',
        type=_shard,
        metavar='I/N',
        help='only check the I-th of N parts of the files, beside other '
        'machines; one call without it then puts the parts together')
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
        'of the imbalance papers. clips: the csv file that lists them '
        '(default: each folder in the source is a class)')
    group.add_argument(
        '--group',
        metavar='COLUMN|RULE',
        help='clips: what must not be in two splits (a speaker, a place): a '
        'column of the csv file, or a regular expression with brackets '
        'around it in the path (default: a file)')
    group.add_argument(
        '--several-labels',
        action='store_true',
        help='clips: a clip has any number of labels, which ; separates')
    group.add_argument(
        '--preset',
        choices=('full', 'tiny'),
        help='clips: propose settings anew; tiny ones are to try things with')
    for flag, what in (
            ('--allow-truncated', 'end before their header says'),
            ('--allow-changes', 'change picture size, rate or channels on '
             'the way')):
        group.add_argument(flag, action='store_true',
                           help=f'clips: files may {what}')
    group.add_argument(
        '--allow-damage', type=int, metavar='N',
        help='clips: files may have N damaged places')
    group.add_argument(
        '--square-pixels', action='store_true',
        help='clips: pictures are as wide as a player shows them')
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


def _shard(text: str) -> Tuple[int, int]:
    match = re.fullmatch(r'(\d+)/(\d+)', text)
    part, parts = map(int, match.groups()) if match else (0, 0)
    if not 1 <= part <= parts:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not I/N, from 1/N to N/N')
    return part, parts
