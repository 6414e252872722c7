"""Clips a second from a cache that is on the disk and not in memory.

python benchmarks/cache_reading.py --folder DIR

Fills a cache with noise of the size of CREMA-D's frames, then draws three
frames of each clip, with the entries dropped from memory before each pass;
beside it, bare reads of as many frames. Needs Linux, and a disk below DIR.
docs/datasets/clips.md says what it showed.
"""
import argparse
import sys
import tempfile
from statistics import median

import torch

from cold_cache import ColdCache


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Clips a second from a cache on the disk.')
    parser.add_argument('--folder', help='where the disk is; a temporary '
                        'folder is made in it')
    parser.add_argument('--clips', type=int, default=200)
    parser.add_argument('--frames', type=int, default=20)
    parser.add_argument('--size', type=int, nargs=2, default=(256, 341),
                        metavar=('HEIGHT', 'WIDTH'))
    parser.add_argument('--rounds', type=int, default=5)
    args = parser.parse_args()
    if sys.platform != 'linux':
        parser.error('only Linux tells what was read from the disk')
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        cold = ColdCache(folder, args.clips, (args.frames, *args.size, 3))
        readings = cold.measure(args.rounds)
    print('| read | clips/s | kB a clip from the disk | MB/s |\n|---|---|---|'
          '---|')
    for way, passes in readings.items():
        seconds = median(p.seconds for p in passes)
        size = median(p.bytes_read for p in passes)
        print(f'| {way} | {args.clips / seconds:.0f} | '
              f'{size / args.clips / 1e3:.0f} | {size / seconds / 1e6:.0f} |')


if __name__ == '__main__':
    main()
