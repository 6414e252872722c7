"""Plot what balancing methods logged over time, mean and range over seeds.

python tools/plot_curves.py work_dirs/results/ogm_ge_av_digits-* \
    work_dirs/results/opm_av_digits-* \
    --out curves.png

What UDI weighs and what it costs; and methods in one panel:
    python tools/plot_curves.py work_dirs/results/udi_av_digits-* \
        --keys loss alpha_con alpha_com --out udi.png
    python tools/plot_curves.py work_dirs/results/{joint,udi}_av_digits-* \
        --keys acc/top1_audio acc/top1_visual --together --out accuracy.png
"""
import argparse
import os
import sys

from mmbalance_plugin.cli.arguments import add_verbose
from mmbalance_plugin.cli.command import command

# Methods that change with the ratio log it under a name of their own.
KEYS = ('ratio|ogm_ratio|opm_ratio', 'ogm_coefficient',
        'opm_drop_probability')


@command
def main() -> None:
    parser = argparse.ArgumentParser(
        description='Plot whatever runs logged: losses, accuracies, ratios, '
        'coefficients, weights.')
    parser.add_argument('runs', nargs='+',
                        help='work dirs, or folders of work dirs')
    parser.add_argument('--keys', nargs='+', default=KEYS,
                        help='logged names, whole or without what follows '
                        'them, such as the modality; a|b for the first that '
                        'was logged; others are acc/top1, loss, score, '
                        'alpha_con, club_estimate')
    parser.add_argument('--together', action='store_true',
                        help='a panel for each key, which is a whole name, '
                        'with a line for each method')
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
    plot_curves(runs, args.keys, args.out, args.dpi, args.together)
    print(f'{args.out}: {os.path.getsize(args.out) / 1024:.0f} kB')


if __name__ == '__main__':
    sys.exit(main())
