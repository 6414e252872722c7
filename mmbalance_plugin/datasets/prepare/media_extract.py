"""Copies of clips that decode fast: small pictures, plain sound."""
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from fractions import Fraction
from pathlib import Path
from typing import Dict, Iterable, Optional

import av
import cv2
import numpy as np
from mmengine.utils import ProgressBar

from mmbalance_plugin.media import (
    MediaError,
    MediaReader,
    MissingStreamError,
    decode_audio,
    frame_index,
    iter_frames,
)

from .errors import PreparationError
from .manifest import write_text

#: Folder of the copies within the prepared one.
EXTRACTED = 'extracted'
#: Added to the name of a clip's file. QuickTime keeps any frame times and
#: sound of any start on one clock, and needs no reading to find a frame.
SUFFIX = '.mov'
SETTINGS = 'settings.json'
SAMPLE_RATE = 22050
SHORT_SIDE = 256
_LAYOUT = 1
_CLOCK = Fraction(1, 90000)  # whole numbers at all usual frame rates
_QUALITY = 2  # of jpeg, 2 (best) to 31
_PIECE = 4096  # samples a packet


def extract_file(source: Path,
                 target: Path,
                 streams: Iterable[str],
                 short_side: int = SHORT_SIDE) -> None:
    """Copy a clip as jpeg pictures and 16-bit mono sound at 22.05 kHz.

    Every frame is kept and keeps its time, so that samplers draw the same
    ones; sound keeps its place beside the picture. Written beside the target
    and moved into place; it gets the source's time of change, which tells
    later whether it is still of that source.

    Args:
        source (Path): The clip.
        target (Path): The copy; ends in ``SUFFIX``.
        streams (Iterable[str]): Of ``'video'`` and ``'audio'`` those that
            the clip has.
        short_side (int): Pixels; smaller pictures keep their size. Defaults
            to 256.

    Raises:
        MediaError: The clip cannot be decoded.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f'.{target.name}.partial')
    status = source.stat()
    reader = MediaReader(str(source))
    try:
        with av.open(str(partial), 'w', format='mov') as out:
            index = frame_index(reader) if 'video' in streams else None
            wave = _sound(reader) if 'audio' in streams else None
            audio = None if wave is None else out.add_stream(
                'pcm_s16le', rate=SAMPLE_RATE, layout='mono')
            if index is not None:
                _write_pictures(out, reader, index, short_side)
            if audio is not None:
                _write_sound(out, audio, wave)
        os.utime(partial, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.replace(partial, target)
    finally:
        reader.close()
        partial.unlink(missing_ok=True)


def _sound(reader: MediaReader) -> Optional[np.ndarray]:
    try:
        wave = decode_audio(reader, SAMPLE_RATE)
    except MissingStreamError:  # a stream of no length
        return None
    return np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16)


def _write_sound(out, stream, wave: np.ndarray) -> None:
    for begin in range(0, len(wave), _PIECE):
        frame = av.AudioFrame.from_ndarray(
            wave[None, begin:begin + _PIECE], format='s16', layout='mono')
        frame.sample_rate, frame.pts = SAMPLE_RATE, begin
        frame.time_base = Fraction(1, SAMPLE_RATE)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def _write_pictures(out, reader, index, short_side: int) -> None:
    edges = np.append(index.times, index.end) / float(_CLOCK)
    edges = np.round(edges).astype(int).tolist()
    stream = None
    for number, picture in iter_frames(reader, range(len(index)), index):
        picture = _shrunk(picture, short_side)
        if stream is None:
            stream = _video_stream(out, picture, index.fps)
        frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
        frame = frame.reformat(format='yuvj420p')
        frame.pts, frame.time_base = edges[number], _CLOCK
        for packet in stream.encode(frame):
            packet.duration = edges[number + 1] - edges[number]
            out.mux(packet)
    for packet in stream.encode(None):
        out.mux(packet)


def _video_stream(out, picture: np.ndarray, fps: float):
    stream = out.add_stream(
        'mjpeg', rate=Fraction(fps).limit_denominator(1001))
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = 'yuvj420p'
    context = stream.codec_context
    context.thread_count = 1
    context.time_base = stream.time_base = _CLOCK
    context.qmin = context.qmax = _QUALITY
    return stream


def _shrunk(picture: np.ndarray, short_side: int) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = short_side / min(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def remembered_size(out: Path) -> Optional[int]:
    """Short side of the copies made before; None where there are none."""
    try:
        return json.loads((out / EXTRACTED / SETTINGS).read_text())[
            'short_side']
    except (OSError, ValueError, KeyError, TypeError):
        return None


def extract_all(out: Path,
                source: Path,
                files: Dict[str, dict],
                short_side: int,
                workers: Optional[int] = None) -> int:
    """Copy all files that are not there yet, in parallel.

    A copy is there if its time of change is the source's. Killed at any
    moment, the next run goes on with the files that are not.

    Args:
        out (Path): The prepared folder.
        source (Path): What names are relative to.
        files (Dict[str, dict]): Name -> its facts, see ``inspect_file``.
        short_side (int): See :func:`extract_file`.
        workers (int, optional): Threads. Defaults to None: one a core.

    Returns:
        int: How many were copied.

    Raises:
        PreparationError: A file cannot be copied, or the folder holds copies
            with other settings.
    """
    root = out / EXTRACTED
    outside = [n for n in files if os.path.isabs(n) or '..' in Path(n).parts]
    if outside:
        raise PreparationError(
            f'{outside[0]} lies outside of {source}: --extract cannot copy '
            'it below the prepared folder')
    settings = dict(
        layout=_LAYOUT, short_side=short_side, sample_rate=SAMPLE_RATE)
    text = json.dumps(settings) + '\n'
    if (root / SETTINGS).is_file() and (root / SETTINGS).read_text() != text:
        raise PreparationError(
            f'{root} was extracted with other settings '
            f'({(root / SETTINGS).read_text().strip()}): remove the folder, '
            'or repeat with those')
    write_text(root / SETTINGS, text)
    todo = {
        name: facts
        for name, facts in files.items() if not _fresh(root, name, facts)
    }
    if not todo:
        return 0
    print(f'Extracting {len(todo)} files ({len(files) - len(todo)} done '
          'already)', flush=True)
    bar = ProgressBar(len(todo), bar_width=30, file=sys.stdout)
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1)
    try:
        jobs = [
            pool.submit(extract_file, source / name, _target(root, name), [
                s for s in ('video', 'audio') if facts.get(f'has_{s}')
            ], short_side) for name, facts in todo.items()
        ]
        for job in as_completed(jobs):
            job.result()
            bar.update()
    except MediaError as error:
        raise PreparationError(f'--extract: {error}') from error
    finally:
        pool.shutdown(cancel_futures=True)
    print(flush=True)
    return len(todo)


def _target(root: Path, name: str) -> Path:
    return root / f'{name}{SUFFIX}'


def _fresh(root: Path, name: str, facts: dict) -> bool:
    try:
        return _target(root, name).stat().st_mtime_ns == facts['mtime_ns']
    except OSError:
        return False
