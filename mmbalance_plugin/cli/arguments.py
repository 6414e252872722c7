"""Flags that the tools share."""
import argparse
import os
from typing import List, Optional

from mmengine.config import DictAction

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


class ConfigOptions(DictAction):
    """``KEY=VALUE`` pairs; a malformed one is named, not a traceback."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        for value in values:
            key, equals, _ = value.partition('=')
            if not equals or not all(key.split('.')):
                raise argparse.ArgumentError(
                    self, f'{value!r} is not KEY=VALUE with a dotted key')
            try:
                super().__call__(parser, namespace, [value], option_string)
            except (AssertionError, ValueError) as error:
                raise argparse.ArgumentError(
                    self, f'{value!r}: {error}') from error
            except RecursionError as error:
                # What MMEngine makes of a call with a comma in it.
                raise argparse.ArgumentError(
                    self, f'{value!r} is no number, word or list; a dict is '
                    f'given key by key: {key}.type=...') from error


def positive(text: str) -> int:
    """A number of things, of which there is at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{text} is none from 1 on')
    return number


def add_verbose(parser: argparse.ArgumentParser) -> None:
    """Add the flag that :func:`~mmbalance_plugin.cli.command` looks for."""
    parser.add_argument(
        '--verbose',
        action='store_true',
        help='show the traceback of an error as well')


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Add the flag that overrides parts of a config."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='override parts of the config, e.g. train_cfg.max_epochs=5 '
        'model.head.type=mmbalance_plugin.SumHead; lists as key="[a,b]"')


def add_runner_args(parser: argparse.ArgumentParser) -> None:
    """Add the flags that every tool with a runner has."""
    parser.add_argument(
        '--work-dir', help='folder for logs, checkpoints and results')
    add_cfg_options(parser)
    parser.add_argument(
        '--launcher',
        choices=LAUNCHERS,
        default='none',
        help='what started the processes; without a GPU they talk by gloo')
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, default=0,
        help='set by old launchers; the variable LOCAL_RANK goes first')
    add_verbose(parser)


def parse_args(parser: argparse.ArgumentParser,
               argv: Optional[List[str]] = None) -> argparse.Namespace:
    """Parse (None: the command line) by a parser with the flags of a runner,
    and leave the local rank where MMEngine looks for it."""
    args = parser.parse_args(argv)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args
