"""Clips a second: decoding while training, the cache, and bare PyAV.

OMP_NUM_THREADS=1 python benchmarks/clips_per_second.py

Generates clips of CREMA-D's size and codecs. The shipped pipeline, the same
with a cache, and a plain PyAV loop that does the same work take turns on
them in one process; ratios are taken round by round. Needs no data.
docs/performance.md says what it showed.
"""
import argparse
import json
import tempfile
from pathlib import Path

import av
import cv2
import torch

from media_clips import generate_clips
from media_loops import (
    ROWS,
    build_loops,
    throughput_ratios,
    throughput_table,
)
from timing import interleave

CONFIG = Path(__file__).parents[1] / 'configs/_base_/datasets/short_clips.py'


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Clips a second of decoding, of the cache, of PyAV.')
    parser.add_argument('--config', default=str(CONFIG))
    parser.add_argument('--clips', type=int, default=16)
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--seconds', type=float, default=2.5)
    parser.add_argument('--fps', type=int, default=30)
    parser.add_argument('--size', type=int, nargs=2, default=(360, 480),
                        metavar=('HEIGHT', 'WIDTH'))
    parser.add_argument('--gop', type=int, default=12,
                        help='frames from one key frame to the next')
    parser.add_argument('--json', help='also write all times to this file')
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder:
        clips = generate_clips(
            folder, args.clips, args.seconds, args.fps, tuple(args.size),
            gop=args.gop)
        kilobytes = sum(
            Path(clip.video).stat().st_size for clip in clips) / len(clips)
        loops = build_loops(args.config, clips, folder)
        # The warm-up fills the cache; then every block is all clips once.
        times = interleave(loops, args.rounds, args.clips, args.clips)
    height, width = args.size
    print(f'{args.rounds} rounds of {args.clips} clips: flv {width}x{height}, '
          f'{args.fps} fps, a key frame every {args.gop}, {args.seconds:g} s, '
          f'{kilobytes / 1e3:.0f} kB on '
          f'average, and 16 kHz wav; one thread, torch {torch.__version__}, '
          f'PyAV {av.__version__}\n')
    print(throughput_table(times))
    if args.json:
        ratios = {f'{row.loop} / {row.reference}': throughput_ratios(
            times.cpu, row) for row in ROWS}
        with open(args.json, 'w', encoding='utf-8') as file:
            json.dump(dict(**times._asdict(), ratios=ratios), file, indent=1)


if __name__ == '__main__':
    main()
