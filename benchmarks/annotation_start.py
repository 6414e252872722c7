"""How long a list of clips takes until training can begin.

OMP_NUM_THREADS=1 python benchmarks/annotation_start.py --rows 200000
"""
import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Tuple

from mmbalance_plugin.datasets import AudioVisualDataset
from mmbalance_plugin.datasets.header_notes import HeaderNotes
from mmbalance_plugin.media import MediaError

FOLDERS = 300


def make_list(root: Path, rows: int, there: bool) -> Path:
    """Write an annotation, and the files it names.

    Args:
        root (Path): An existing folder.
        rows (int): Of the annotation, a file each.
        there (bool): Whether there are files: of 2000 bytes, without blocks
            on the disk, since only their state is looked at.

    Returns:
        Path: The annotation.
    """
    lines = ['path,label,start,end']
    for number in range(FOLDERS):
        (root / f'class{number:03d}').mkdir()
    for row in range(rows):
        label = f'class{row % FOLDERS:03d}'
        name = f'{label}/clip{row:06d}.mp4'
        if there:
            with open(root / name, 'wb') as file:
                file.truncate(2000)
        lines.append(f'{name},{label},,')
    path = root / 'a.csv'
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')
    (root / 'classes.txt').write_text(
        ''.join(f'class{n:03d}\n' for n in range(FOLDERS)), encoding='utf-8')
    return path


def note_headers(path: Path) -> None:
    """What an earlier start with ``missing='skip'`` has read, if all are good.
    """
    notes = HeaderNotes(str(path))
    for file in path.parent.glob('*/*.mp4'):
        status = file.stat()
        notes._notes[str(file)] = dict(
            size=status.st_size, mtime_ns=status.st_mtime_ns, video=None,
            audio=None)
    notes._changed = True
    notes.save()


def start(path: Path, missing: str) -> Tuple[float, float]:
    """Seconds by the clock and of the processor that the data set takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        AudioVisualDataset(
            str(path), [], data_prefix=dict(video=str(path.parent)),
            missing=missing)
    except MediaError as error:
        print(str(error).split('\n')[0])
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rows', type=int, default=200_000)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--folder', help='on the disk in question')
    args = parser.parse_args()
    print(f'{os.cpu_count()} cores, seconds by the clock (of the processor)')
    for what in ('there', 'noted', 'missing'):
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            path = make_list(Path(folder), args.rows, what != 'missing')
            if what == 'noted':
                note_headers(path)
            missing = 'skip' if what == 'noted' else 'error'
            times = [start(path, missing) for _ in range(args.repeats)]
        wall, cpu = min(times)
        print(f'{args.rows} rows, files {what}: {wall:.2f} ({cpu:.2f})')


if __name__ == '__main__':
    main()
