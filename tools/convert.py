"""Make an audio-visual config of an MMAction2 recogniser's.

python tools/convert.py my_config.py --method udi --out my_udi_config.py

The result inherits from the given config, which stays as it is: backbone,
pipelines, optimiser and schedule are its own.
"""
import argparse
import os
import sys

from mmbalance_plugin.cli.arguments import add_verbose
from mmbalance_plugin.cli.command import UsageError, command


@command
def main() -> None:
    parser = argparse.ArgumentParser(
        description="Make an audio-visual config of an MMAction2 "
        "recogniser's.")
    parser.add_argument('config', help='file of a recogniser')
    parser.add_argument('--method', default='udi',
                        help='how it is trained; mmbalance list names them')
    parser.add_argument('--out', required=True, help='file to write')
    parser.add_argument('--videos', metavar='DIR',
                        help="folder of the clips, instead of the config's")
    for split in ('train', 'val', 'test'):
        parser.add_argument(f'--{split}-list', metavar='FILE',
                            help=f'clips and labels of the {split} split, '
                            "instead of the config's")
    add_verbose(parser)
    args = parser.parse_args()
    if os.path.exists(args.out):
        raise UsageError(f'{args.out} is there already; take it away, or '
                         'write to another file')
    # Here and not above: the toolkit is slow to import.
    from mmbalance_plugin.apis.converter import convert_config
    lists = {split: getattr(args, f'{split}_list')
             for split in ('train', 'val', 'test')}
    folder = os.path.dirname(os.path.abspath(args.out))
    text = convert_config(args.config, args.method,
                          {k: v for k, v in lists.items() if v},
                          args.videos, folder)
    os.makedirs(folder, exist_ok=True)
    with open(args.out, 'w', encoding='utf-8') as file:
        file.write(text)
    print(f'{args.out}: mmbalance train {args.out}')


if __name__ == '__main__':
    sys.exit(main())
