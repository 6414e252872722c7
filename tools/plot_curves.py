"""Plot what balancing methods logged over time, mean and range over seeds.

python tools/plot_curves.py work_dirs/results/ogm_ge_av_digits-* \
    work_dirs/results/opm_av_digits-* \
    --out curves.png
"""
import argparse
import os
import sys

from mmbalance_plugin.cli.arguments import add_verbose
from mmbalance_plugin.cli.command import command

# Older runs logged ratios under the method's name alone.
KEYS = ('ratio|ogm_ratio|opm_ratio', 'ogm_coefficient',
        'opm_drop_probability')


@command
def main() -> None:
    parser = argparse.ArgumentParser(
        description='Plot ratios, coefficients, drop probabilities, weights.')
    parser.add_argument('runs', nargs='+',
                        help='work dirs, or folders of work dirs')
    parser.add_argument('--keys', nargs='+', default=KEYS,
                        help='logged names without their modality, a|b for '
                        'the first that was logged; others are score, '
                        'opm_drop_rate, alpha_con, alpha_com')
    parser.add_argument('--out', default='curves.png')
    parser.add_argument('--dpi', type=int, default=80)
    add_verbose(parser)
    args = parser.parse_args()
    # Here and not above: matplotlib is slow to import.
    from mmbalance_plugin.analysis.curves import find_runs
    from mmbalance_plugin.analysis.curves_plot import plot_curves
    runs = find_runs(args.runs)
    folder = os.path.dirname(args.out)
    if folder:
        os.makedirs(folder, exist_ok=True)
    plot_curves(runs, args.keys, args.out, args.dpi)
    print(f'{args.out}: {os.path.getsize(args.out) / 1024:.0f} kB')


if __name__ == '__main__':
    sys.exit(main())
