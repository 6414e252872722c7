"""Plot what methods reach as an option of the data changes.

python tools/plot_sweep.py results/missing_av_digits \
    --option test_dataloader.dataset.pipeline.0.drop --otherwise 0 \
    --label 'share that lacks a modality' --out missing.png

The records are those of tools/compare.py, with the option among CONFIG's own
or --cfg-options. A line is a method; bars are the range of seeds.
"""
import argparse
import os
import sys

from mmbalance_plugin.cli.arguments import add_verbose
from mmbalance_plugin.cli.command import command


@command
def main() -> None:
    parser = argparse.ArgumentParser(
        description='Plot a metric on test over an option, a line a method.')
    parser.add_argument('stores', nargs='+', help='folders of records')
    parser.add_argument('--option', required=True, metavar='KEY',
                        help='of a number, or of several that are added up')
    parser.add_argument('--otherwise', type=float, metavar='VALUE',
                        help='of rows without the option; by default they '
                        'are left out')
    parser.add_argument('--metric', default='acc/top1')
    parser.add_argument('--label', help='of the option, on the axis')
    parser.add_argument('--out', default='sweep.png')
    parser.add_argument('--dpi', type=int, default=80)
    add_verbose(parser)
    args = parser.parse_args()
    # Here and not above: matplotlib is slow to import.
    from mmbalance_plugin.analysis.records import read_records
    from mmbalance_plugin.analysis.rows import make_rows
    from mmbalance_plugin.analysis.sweep_plot import plot_sweep
    rows = make_rows(read_records(args.stores))
    folder = os.path.dirname(args.out)
    if folder:
        os.makedirs(folder, exist_ok=True)
    plot_sweep(rows, args.option, args.out, otherwise=args.otherwise,
               metric=args.metric, label=args.label, dpi=args.dpi)
    print(f'{args.out}: {os.path.getsize(args.out) / 1024:.0f} kB')


if __name__ == '__main__':
    sys.exit(main())
