"""Write one page about finished runs: scores, differences, cost, curves.

python tools/report.py work_dirs/results

The folders are what tools/compare.py left in its --out or --store. The page
is one HTML file that needs nothing else; docs/comparing.md says what its
numbers are.
"""
import argparse
import sys
from pathlib import Path

from mmbalance_plugin.cli.arguments import add_verbose
from mmbalance_plugin.cli.command import command


@command
def main() -> None:
    parser = argparse.ArgumentParser(
        description='Write one page about finished runs.')
    parser.add_argument('folders', nargs='+', metavar='DIR',
                        help='records of runs are looked for below')
    parser.add_argument('--baseline', metavar='NAME',
                        help="a row's method; by default joint")
    parser.add_argument(
        '--metric', help='acc/top1, or acc/mAP of several labels, by default')
    parser.add_argument('--split', choices=('test', 'val'), default='test')
    parser.add_argument('--out', metavar='FILE.html',
                        help='report.html in the first folder by default')
    add_verbose(parser)
    args = parser.parse_args()
    # Here and not above: they are slow to import.
    from mmbalance_plugin.analysis.comparison import compare
    from mmbalance_plugin.analysis.records import read_records
    from mmbalance_plugin.analysis.report.runs import runs_report
    from mmbalance_plugin.analysis.rows import make_rows
    found = compare(make_rows(read_records(args.folders)), args.metric,
                    args.split, args.baseline)
    path = Path(args.out or Path(args.folders[0], 'report.html'))
    path.write_text(runs_report(found), encoding='utf-8')
    print(path)


if __name__ == '__main__':
    sys.exit(main())
