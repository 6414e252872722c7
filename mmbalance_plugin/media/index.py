"""Which frames a video has, and when each of them is shown."""
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from .completeness import check_picture, require_whole
from .errors import MediaError
from .reader import MediaReader

#: Streams whose packets do not stand for one shown frame each, or carry no
#: time of display: their frames are counted by decoding them once.
_COUNTED_CODECS = {'vp8', 'theora'}

_nothing = partial(np.empty, 0, np.int64)


@dataclass(frozen=True)
class FrameIndex:
    """The frames of a video in the order in which they are shown.

    Attributes:
        times (np.ndarray): Seconds since the file's start at which each
            frame is shown, shape (N,), increasing.
        end (float): When the last frame ends, in seconds.
        pts (np.ndarray): The times in the stream's own unit, int64, shape
            (N,). Empty where frames can only be told by counting.
        keys (np.ndarray): ``pts`` of the frames where decoding can start,
            increasing.
    """
    times: np.ndarray
    end: float
    pts: np.ndarray = field(default_factory=_nothing)
    keys: np.ndarray = field(default_factory=_nothing)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def fps(self) -> float:
        """Mean number of frames per second."""
        return len(self) / (self.end - self.times[0])

    def span(self,
             start: Optional[float] = None,
             end: Optional[float] = None) -> Tuple[int, int]:
        """First and one past the last frame that comes in [start, end) s.

        Where none does, the one that stays to be seen then, if any: slides
        and recordings of a screen last.
        """
        first, last = 0, len(self)
        if start is not None:
            first = int(np.searchsorted(self.times, start - 1e-6))
        if end is not None:
            last = int(np.searchsorted(self.times, end - 1e-6))
        if last <= first and first and (start or 0) < self.end - 1e-6:
            return first - 1, first
        return first, last


class _Memory:
    """Indices of the files that were used last; threads may share it."""

    files = 4096  # at the most: clips are many and short
    frames = 1 << 22  # of 16 bytes, together: films are few and long

    def __init__(self) -> None:
        self.kept: OrderedDict[Tuple, FrameIndex] = OrderedDict()
        self._count = 0
        self._lock = Lock()

    def get(self, key: Tuple) -> Optional[FrameIndex]:
        """The index under a key, if it is remembered."""
        with self._lock:
            if key in self.kept:
                self.kept.move_to_end(key)
            return self.kept.get(key)

    def put(self, key: Tuple, index: FrameIndex) -> None:
        """Remember an index; the one that was just put always is."""
        with self._lock:
            self._count += len(index) - len(self.kept.pop(key, ()))
            self.kept[key] = index
            while len(self.kept) > 1 and (len(self.kept) > self.files
                                          or self._count > self.frames):
                self._count -= len(self.kept.popitem(last=False)[1])

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self.kept.clear()
            self._count = 0


_memory = _Memory()


def frame_index(reader: MediaReader,
                allow_truncated: bool = False) -> FrameIndex:
    """List the frames of a video without decoding them where possible.

    The packets are read and their times sorted, which is exact under
    variable frame rate and B-frames and costs about a hundredth of
    decoding. Streams that carry no usable times are decoded once instead.
    Indices of the latest few thousand files are remembered by path, size
    and modification time.

    Args:
        reader (MediaReader): The opened file.
        allow_truncated (bool): Whether a file that ends well before its
            header says is taken for what is there. Defaults to False.

    Returns:
        FrameIndex: At least one frame.

    Raises:
        MissingStreamError: The file has no picture.
        MediaError: It holds no frame, is truncated or damaged.
    """
    reader.restart_clock()
    stream = reader.require('video')
    key = reader.signature + (stream.index, allow_truncated)
    index = _memory.get(key)
    if index is None:
        index = _from_packets(reader, allow_truncated) or _by_decoding(reader)
        _memory.put(key, index)
    return index


def forget_indices() -> None:
    """Drop the remembered indices, e.g. to time a first epoch."""
    _memory.clear()


def _from_packets(reader: MediaReader,
                  allow_truncated: bool) -> Optional[FrameIndex]:
    """Read all packets; None if they do not tell the frames apart."""
    # First of all: reading may open the file anew, with other streams.
    packets = reader.all_packets()
    stream = reader.require('video')
    regular = stream.codec_context.name not in _COUNTED_CODECS
    # AVI stores decoding times only; with B-frames they say nothing about
    # the order of display.
    if (reader.container.format.name == 'avi'
            and stream.codec_context.has_b_frames):
        regular = False
    shown: List[int] = []
    keys: List[int] = []
    reach: Dict[int, int] = {}
    latest = -math.inf, 0
    for packet in packets:
        if packet.pts is None:
            regular &= packet.stream_index != stream.index
            continue
        duration = packet.duration or 0
        end = packet.pts + duration
        if end > reach.get(packet.stream_index, -math.inf):
            reach[packet.stream_index] = end
        if packet.stream_index != stream.index:
            continue
        if packet.is_keyframe:
            keys.append(packet.pts)
        elif not keys:
            regular = False
        if not packet.is_discard:
            shown.append(packet.pts)
            if packet.pts > latest[0]:
                latest = packet.pts, duration
    require_whole(check_picture, reader, reach, allow_truncated)
    pts = np.unique(np.asarray(shown, dtype=np.int64))
    if not regular or not len(pts) or len(pts) != len(shown):
        return None
    unit = float(stream.time_base)
    times = pts * unit - reader.origin
    last = _last_duration(stream, times, latest[1] * unit)
    return FrameIndex(
        times=times, end=float(times[-1]) + last, pts=pts,
        keys=np.unique(np.asarray(keys, dtype=np.int64)))


def frame_rate(stream: Any) -> float:
    """Pictures per second as the header says or FFmpeg guesses, else 0."""
    return float(stream.average_rate or stream.guessed_rate or 0)


def _last_duration(stream: Any, times: np.ndarray, stated: float) -> float:
    """How long the last frame is shown: as stated, else as the others."""
    if stated > 0:
        return stated
    if len(times) > 1:
        return float(times[-1] - times[0]) / (len(times) - 1)
    rate = frame_rate(stream)
    return 1 / rate if rate else 0.04


def _by_decoding(reader: MediaReader) -> FrameIndex:
    """Decode everything once and take the times of the frames put out."""
    pts: List[Any] = [
        frame.pts for packet in reader.packets('video')
        for frame in reader.decode('video', packet)
    ]
    if not pts:
        raise MediaError(reader.path, 'holds no frame that can be decoded')
    stream = reader.require('video')
    unit = float(stream.time_base)
    if None not in pts and np.all(np.diff(pts) > 0):
        times = np.asarray(pts) * unit - reader.origin
    else:
        rate = frame_rate(stream)
        if not rate:
            raise MediaError(
                reader.path, 'neither its frames nor its header tell the '
                'time of display')
        start = stream.start_time * unit if stream.start_time else 0.0
        times = np.arange(len(pts)) / rate + max(0.0, start - reader.origin)
    return FrameIndex(
        times=times, end=float(times[-1]) + _last_duration(stream, times, 0))
