"""Copies of clips that decode fast: small pictures, plain sound."""
import json
import os
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Dict, Iterable, Optional, Tuple

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

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
from .media_progress import Progress
from .packages import sha256_file
from .parallel import unordered
from .store import MANIFEST

#: Folder of the copies within the prepared one.
EXTRACTED = 'extracted'
#: Added to the name of a clip's file. QuickTime keeps any frame times and
#: sound of any start on one clock, and needs no reading to find a frame.
SUFFIX = '.mov'
SETTINGS = 'settings.json'
#: Sizes of the copies, written when all are there.
COPIES = 'copies.json'
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
    stream, reformatter = None, VideoReformatter()
    for number, picture in iter_frames(reader, range(len(index)), index):
        picture = _shrunk(picture, short_side)
        if stream is None:
            stream = _video_stream(out, picture, index.fps)
        frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
        # One thread: there are others for the other files.
        frame = reformatter.reformat(frame, format='yuvj420p', threads=1)
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


def check_size(out: Path, short_side: int) -> None:
    """Refuse to mix copies of several settings.

    Raises:
        PreparationError: The folder holds copies with other settings.
    """
    path = out / EXTRACTED / SETTINGS
    if path.is_file() and path.read_text() != _settings(short_side):
        raise PreparationError(
            f'{path.parent} was extracted with other settings '
            f'({path.read_text().strip()}): remove the folder, or repeat '
            'with those')


def _settings(short_side: int) -> str:
    return json.dumps(dict(layout=_LAYOUT, short_side=short_side,
                           sample_rate=SAMPLE_RATE)) + '\n'


def extract_all(out: Path,
                source: Path,
                files: Dict[str, dict],
                short_side: int,
                workers: Optional[int] = None) -> bool:
    """Copy all files that are not there yet, in parallel.

    A copy is there if its time of change is the source's and its size the
    one it was made with. Killed at any moment, the next run goes on with
    the files that are not.

    Args:
        out (Path): The prepared folder, with its manifest.
        source (Path): What names are relative to.
        files (Dict[str, dict]): Name -> its facts, see ``inspect_file``.
        short_side (int): See :func:`extract_file`.
        workers (int, optional): Threads. Defaults to None: one a core.

    Returns:
        bool: False if everything was as it is now.

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
    check_size(out, short_side)
    write_text(root / SETTINGS, _settings(short_side))
    sizes = recorded_copies(out)[1]
    todo = {
        name: facts
        for name, facts in files.items()
        if not _fresh(root, name, facts, sizes)
    }
    if todo:
        print(f'Extracting {len(todo)} files ({len(files) - len(todo)} done '
              'already)', flush=True)
        _extract(root, source, todo, short_side, workers)
    sizes = {name: copy_of(out, name).stat().st_size for name in sorted(files)}
    record = dict(manifest=sha256_file(out / MANIFEST), sizes=sizes)
    text = json.dumps(record, ensure_ascii=False, indent=0) + '\n'
    return write_text(root / COPIES, text) or bool(todo)


def _extract(root: Path, source: Path, todo: Dict[str, dict],
             short_side: int, workers: Optional[int]) -> None:

    def work(name: str) -> None:
        streams = [s for s in ('video', 'audio') if todo[name].get(f'has_{s}')]
        extract_file(source / name, root / f'{name}{SUFFIX}', streams,
                     short_side)

    progress = Progress(len(todo))
    try:
        with closing(unordered(work, todo, workers or os.cpu_count() or
                               1)) as results:
            for _ in results:
                progress.update()
    except (MediaError, av.FFmpegError) as error:
        raise PreparationError(f'--extract: {error}') from error
    finally:
        progress.close()


def copy_of(out: Path, name: str) -> Path:
    """Where the copy of a file is."""
    return out / EXTRACTED / f'{name}{SUFFIX}'


def recorded_copies(out: Path) -> Tuple[Optional[str], Dict[str, int]]:
    """What the last extraction that was finished left.

    Returns:
        Tuple[str | None, Dict[str, int]]: SHA-256 of the manifest that it
        was made for, and the size of each copy in bytes by the name of its
        clip; None and nothing where there is no usable record.
    """
    try:
        record = json.loads((out / EXTRACTED / COPIES).read_text('utf-8'))
        return record['manifest'], dict(record['sizes'])
    except (OSError, ValueError, KeyError, TypeError):
        return None, {}


def require_copies(out: Path) -> Dict[str, int]:
    """Sizes of the copies of a set, by the names of its clips.

    Raises:
        MediaError: They were not made for what the manifest describes.
    """
    manifest, sizes = recorded_copies(out)
    if manifest is None:
        raise MediaError(str(out / EXTRACTED), 'holds no copies of the '
                         'clips, or not all of them')
    if manifest != sha256_file(out / MANIFEST):
        raise MediaError(str(out / EXTRACTED), 'holds copies made for an '
                         'earlier preparation')
    return sizes


def _fresh(root: Path, name: str, facts: dict,
           sizes: Dict[str, int]) -> bool:
    try:
        status = (root / f'{name}{SUFFIX}').stat()
    except OSError:
        return False
    return (status.st_mtime_ns == facts['mtime_ns']
            and sizes.get(name, status.st_size) == status.st_size)
