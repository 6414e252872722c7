"""Train configs over several seeds; what is finished already is kept.

python tools/run_seeds.py configs/joint_av_digits.py configs/udi_av_digits.py \
    --seeds 0 1 2 3 4 --out work_dirs/results

Each run goes to OUT/CONFIG/seed_N. A run that was interrupted continues
from its last checkpoint; one with a summary.json is left alone, if it had the
same --cfg-options.
"""
import argparse
import json
import os
import os.path as osp
import shlex
import shutil
import subprocess
import sys
import time

from mmbalance_plugin.cli.arguments import add_verbose
from mmbalance_plugin.cli.command import UsageError, command
from mmbalance_plugin.shipped import find_config

TRAIN = osp.join(osp.dirname(osp.abspath(__file__)), 'train.py')
OPTIONS = 'cfg_options.json'


def refuse_other_options(work_dir: str, options: list) -> None:
    """Refuse to count a run that was trained otherwise as one of these."""
    path = osp.join(work_dir, OPTIONS)
    if not osp.isfile(path):
        return
    with open(path, encoding='utf-8') as file:
        before = json.load(file)
    if before != options:
        raise UsageError(f'{work_dir} was trained with --cfg-options '
                         f'{before or "unset"}, not {options or "unset"}: '
                         'take another --out')


@command
def main() -> None:
    parser = argparse.ArgumentParser(
        description='Train configs over several seeds.')
    parser.add_argument('configs', nargs='+')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--out', default='work_dirs/results')
    parser.add_argument('--keep-checkpoints', action='store_true',
                        help='else they are deleted when a run has finished')
    parser.add_argument('--cfg-options', nargs='+', default=[],
                        help='passed on to every run')
    add_verbose(parser)
    args = parser.parse_args()
    for config in args.configs:
        find_config(config)
    runs = [(config, seed) for seed in args.seeds for config in args.configs]
    begin, trained = time.monotonic(), 0
    for i, (config, seed) in enumerate(runs):
        name = osp.splitext(osp.basename(config))[0]
        work_dir = osp.join(args.out, name, f'seed_{seed}')
        if osp.isfile(osp.join(work_dir, 'summary.json')):
            refuse_other_options(work_dir, args.cfg_options)
            print(f'[{i + 1}/{len(runs)}] {work_dir}: finished before')
            continue
        os.makedirs(work_dir, exist_ok=True)
        with open(osp.join(work_dir, OPTIONS), 'w', encoding='utf-8') as file:
            json.dump(args.cfg_options, file)
        line = [sys.executable, TRAIN, config, '--work-dir', work_dir,
                '--seed', str(seed), '--resume']
        if args.cfg_options:
            line += ['--cfg-options', *args.cfg_options]
        with open(osp.join(work_dir, 'output.txt'), 'ab') as output:
            code = subprocess.run(line, stdout=output,
                                  stderr=subprocess.STDOUT).returncode
        if code != 0:
            raise UsageError(
                f'{shlex.join(line)} ended with exit status {code}; see '
                f'{osp.join(work_dir, "output.txt")}')
        if not args.keep_checkpoints:
            for entry in os.listdir(work_dir):
                if entry.endswith('.pth'):
                    os.remove(osp.join(work_dir, entry))
            shutil.rmtree(osp.join(work_dir, 'vis_data'), ignore_errors=True)
        trained += 1
        left = (time.monotonic() - begin) / trained * (len(runs) - i - 1)
        print(f'[{i + 1}/{len(runs)}] {work_dir}: done, eta {left:.0f} s',
              flush=True)


if __name__ == '__main__':
    sys.exit(main())
