"""Say what is wrong with a model on its data, and what would help.

python tools/diagnose.py configs/joint_av_digits.py
A model that is trained already, held against the same baselines:
    python tools/diagnose.py configs/udi_av_digits.py \
        work_dirs/udi_av_digits/best.pth

Trains the config's encoders jointly, with multi-loss and each alone, and on
pairs exchanged within the class; measures on the validation split; prints a
verdict and writes report.html and diagnosis.json. Called again, it goes on
from what is finished. docs/diagnose.md has the rest.
"""
import argparse
import json
import sys
import time
from pathlib import Path

from mmbalance_plugin.cli.arguments import (
    add_cfg_options,
    add_verbose,
    positive,
)
from mmbalance_plugin.cli.command import UsageError, command
from mmbalance_plugin.cli.launch import load_config, require_checkpoint

#: Seeds, and the share of the config's epochs, of each budget.
BUDGETS = dict(quick=(range(3), .5), full=(range(5), 1.))


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Say what is wrong with a model on its data.')
    parser.add_argument(
        'config', help='file of the config, or the name of a shipped one')
    parser.add_argument(
        'checkpoint', nargs='?',
        help="a trained model of the config, looked at in the joint one's "
        'place')
    parser.add_argument(
        '--budget', choices=tuple(BUDGETS), default='quick',
        help='quick: three seeds, half of the epochs but 15; full: five, all')
    parser.add_argument('--seeds', type=int, nargs='+', help='other ones')
    parser.add_argument('--jobs', type=positive, default=2,
                        help='runs at a time, one thread each')
    parser.add_argument('--out', metavar='DIR',
                        help='work_dirs/diagnosis/CONFIG by default')
    add_cfg_options(parser)
    add_verbose(parser)
    return parser


@command
def main() -> int:
    args = build_parser().parse_args()
    config = load_config(args.config, args.cfg_options)
    if args.checkpoint:
        require_checkpoint(args.checkpoint)
    begin = time.monotonic()
    stem = Path(args.config).stem
    out = Path(args.out or f'work_dirs/diagnosis/{stem}')
    from mmbalance_plugin.cli.grid_runs import processes
    if not (out / 'diagnosis.json').is_file():
        processes()  # in which the imports begin beside those of this one
    # Here and not above: they import the models.
    from mmbalance_plugin.cli.diagnosis import (
        finish,
        look_at_models,
        train_variants,
    )
    seeds, share = BUDGETS[args.budget]
    runs, failed = train_variants(
        config, out, args.seeds or list(seeds), share, args.jobs)
    for line in failed:
        print(f'failed: {line}', file=sys.stderr)
    needed = {'joint', 'multi_loss', 'decoupled'}
    if not needed <= runs.keys():
        raise UsageError('without joint, multi-loss and decoupled training '
                         'there is nothing to compare; what failed is above')
    looks = look_at_models(config, out, runs['joint'], args.checkpoint,
                           args.jobs)
    facts = dict(budget=args.budget,
                 seconds=f'{time.monotonic() - begin:.0f}')
    if args.checkpoint:
        facts['checkpoint'] = args.checkpoint
    if failed:
        facts['failed'] = '; '.join(failed)
    diagnosis, page, summary = finish(args.config, out, runs, looks, facts)
    (out / 'diagnosis.json').write_text(
        json.dumps(diagnosis, indent=1, allow_nan=False) + '\n', 'utf-8')
    (out / 'report.html').write_text(page, 'utf-8')
    print(f'\n{summary}\n\n{out / "report.html"} has the evidence')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
