"""Small studies of OGM, OGM-GE and OPM: train what they need, print a table.

python benchmarks/study.py dominance
python benchmarks/study.py noise
python benchmarks/study.py convergence
Epochs to a level, of runs that were trained before:
python benchmarks/study.py convergence --runs \
    work_dirs/results/joint_av_digits-* \
    work_dirs/results/ogm_ge_av_digits-*

Runs are short and kept in OUT; what is there already is not trained again.
"""
import argparse
import os.path as osp

import torch

from studies import (
    LEVELS,
    STUDIES,
    convergence_of_runs,
)
from studies_trials import Size


def main() -> None:
    parser = argparse.ArgumentParser(description='Small studies, as tables.')
    parser.add_argument('study', choices=STUDIES)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--epochs', type=int, default=6)
    parser.add_argument('--samples', type=int, default=2000,
                        help='training samples at most')
    parser.add_argument('--data', default='av_digits',
                        choices=('av_digits', 'multiple_features'),
                        help='for noise and convergence')
    parser.add_argument('--runs', nargs='+',
                        help='for convergence: folders of finished runs, '
                        'the first one setting the levels')
    parser.add_argument('--levels', type=float, nargs='+', default=LEVELS,
                        help='with --runs: shares of the best accuracy of '
                        'the first')
    parser.add_argument('--out', default='work_dirs/studies')
    args = parser.parse_args()
    if args.runs:
        if args.study != 'convergence':
            parser.error('--runs is for the study convergence')
        try:
            print(convergence_of_runs(args.runs, args.levels))
        except (FileNotFoundError, ValueError) as error:
            parser.error(str(error))
        return
    # Networks this small are slower on several threads.
    torch.set_num_threads(1)
    options = {}
    if args.study in ('noise', 'convergence'):
        options['data'] = args.data
    table = STUDIES[args.study](
        osp.join(args.out, args.study), Size(args.epochs, args.samples),
        args.seeds, **options)
    print(f'{args.epochs} epochs, at most {args.samples} training samples, '
          f'{len(args.seeds)} seeds, validation split\n\n{table}')


if __name__ == '__main__':
    main()
