"""Print a table of all runs below a folder.

python tools/compare.py work_dirs/results [--split val]
"""
import argparse
import sys

from mmbalance_plugin.cli.arguments import add_verbose
from mmbalance_plugin.cli.command import command


@command
def main() -> None:
    parser = argparse.ArgumentParser(
        description='Table of runs: mean and spread over seeds, with cost.')
    parser.add_argument('folder', help='searched for summary.json')
    parser.add_argument('--split', choices=('test', 'val'), default='test')
    parser.add_argument('--metric', default='acc/top1')
    parser.add_argument('--methods', nargs='+', help='rows, in this order')
    add_verbose(parser)
    args = parser.parse_args()
    from mmbalance_plugin.analysis import collect_runs, comparison_table
    print(comparison_table(collect_runs(args.folder), args.split, args.metric,
                           args.methods))


if __name__ == '__main__':
    sys.exit(main())
