"""Sound as mono float32 at the rate and in the window asked for."""
from typing import Callable, Iterator, List, Optional, Tuple

import av
import numpy as np

from .completeness import check_sound, file_end, require_whole
from .errors import MediaError, MissingStreamError
from .lengths import kind_of, stream_length
from .reader import MediaReader
from .waves import resample, to_mono

#: Seconds by which a time stamp may miss the sample count before it is
#: believed: containers round their stamps, some to a millisecond.
_SLACK = 0.02

#: Longer silence than this is believed only up to the end of the file: a
#: damaged time stamp may lie days away. Files end some seconds later than
#: they say.
_LONGEST_GAP = 60.0
_BEYOND = 5.0

#: Stamps that fall back by more than this start a new count, as where two
#: recordings were joined; what comes then follows what was before.
_NEW_COUNT = 1.0

#: Containers of large files whose tables place sound exactly after a jump,
#: and how many seconds of sound must lie before the window for a jump to pay.
_JUMPS_IN = ('mov', 'matroska', 'wav')
_WORTH_A_JUMP = 2.0
#: Codecs need a run-up before their output is what it would have been.
_RUN_UP = 0.5


def decode_audio(reader: MediaReader,
                 sample_rate: int,
                 start: float = 0.0,
                 end: Optional[float] = None,
                 allow_truncated: bool = False,
                 allow_changes: bool = False,
                 allow_damage: int = 0) -> np.ndarray:
    """Decode a window of a file's sound.

    Samples are placed by the file's clock, the one of the picture: where
    the sound starts after ``start`` or pauses, there is silence; where it
    ends before ``end``, the result is shorter (see :func:`fit_length`).

    Channels are mixed with the weights of :func:`mono_weights`, so that
    mono and stereo files of the same sound come out equally loud.

    Args:
        reader (MediaReader): The opened file.
        sample_rate (int): Samples per second of the result.
        start (float): Start of the window in seconds since the file's
            start. Defaults to 0.
        end (float, optional): End of the window. Defaults to None: as long
            as there is sound.
        allow_truncated (bool): Whether a file that ends well before its
            header says is taken for what is there. Defaults to False.
        allow_changes (bool): Whether rate and channels may change on the
            way; it is counted in ``reader.tolerated``. Defaults to False.
        allow_damage (int): How many packets may fail to decode, each of
            which is silence and counted likewise. Defaults to 0.

    Returns:
        np.ndarray: float32, shape (n,), nominally within [-1, 1].

    Raises:
        MissingStreamError: The file has no sound, or none in the window.
        MediaError: The sound is damaged or truncated.
    """
    stream = reader.require('audio')
    reader.restart_clock()
    reader.allow_damage = allow_damage
    if start < 0 or (end is not None and end <= start):
        raise MediaError(
            reader.path, f'the window from {start} s to {end} s is empty')
    mix = _Mix(reader, float(stream.time_base), start, end, allow_changes)
    for frame in _frames(reader, start):
        mix.add(frame)
        if mix.full:
            break
    mix.flush()
    if mix.position is None:
        # Asked for again: decoding may have opened the file anew.
        if stream_length(reader, reader.audio):
            raise MediaError(
                reader.path, 'promises sound but none can be decoded')
        require_whole(check_sound, reader, 0.0, allow_truncated)
        raise MissingStreamError(
            reader.path, 'has a sound stream of no length')
    if not mix.full:
        require_whole(check_sound, reader, mix.position / mix.rate,
                      allow_truncated)
    return resample(mix.result(), mix.rate, sample_rate)


def _frames(reader: MediaReader, start: float) -> Iterator[av.AudioFrame]:
    """Decoded sound from at or before ``start`` on."""
    if start > _WORTH_A_JUMP and _can_jump(reader):
        unit = reader.require('audio').time_base
        place = (start - _RUN_UP + reader.origin) / unit
        packets = reader.packets_from('audio', int(place))
    else:
        packets = reader.packets('audio')
    for packet in packets:
        yield from reader.decode('audio', packet)


def _can_jump(reader: MediaReader) -> bool:
    if reader.keeps:
        stamps = [p.pts for p in reader.kept('audio') if p.pts is not None]
        return all(a <= b for a, b in zip(stamps, stamps[1:]))
    codec = reader.require('audio').codec_context.name
    # FFmpeg gives compressed blocks (ADPCM) wrong times after a jump.
    return kind_of(reader) in _JUMPS_IN and (
        kind_of(reader) != 'wav' or codec.startswith('pcm_'))


class _Mix:
    """Collects a window of mono samples at the file's own rate."""

    rate: int
    first: int
    last: Optional[int] = None

    def __init__(self, reader: MediaReader, unit: float, start: float,
                 end: Optional[float], allow_changes: bool) -> None:
        self.reader, self.unit = reader, unit
        self.allow_changes = allow_changes
        self.path, self.origin = reader.path, reader.origin
        self.start, self.end = start, end
        #: Of the next sample, since the file's start.
        self.position: Optional[int] = None
        self.shift = 0  # added to stamps
        self.layout: Optional[Tuple[int, int]] = None
        self.full = False
        self.heard = False  # whether any piece is more than a gap
        self.pieces: List[np.ndarray] = []
        #: Sound of another rate than the first, not yet resampled: a piece
        #: at a time would be heard.
        self.other: List[np.ndarray] = []
        self.other_pts: Optional[int] = None

    def add(self, frame: av.AudioFrame) -> None:
        """Append a decoded frame, or what of it lies in the window."""
        self._check_format(frame)
        if frame.sample_rate == self.rate:
            self._append(frame.pts, frame.samples,
                         lambda: to_mono(self.path, frame))
            return
        if not self.other:
            self.other_pts = frame.pts
        self.other.append(to_mono(self.path, frame))

    def flush(self) -> None:
        """Append what was of another rate."""
        if self.other and self.layout is not None:
            wave = resample(np.concatenate(self.other), self.layout[0],
                            self.rate)
            self.other = []
            self._append(self.other_pts, len(wave), lambda: wave)

    def _append(self, pts: Optional[int], samples: int,
                read: Callable[[], np.ndarray]) -> None:
        place = self.position
        if pts is not None:
            stamp = self.shift + round(
                (pts * self.unit - self.origin) * self.rate)
            if place is not None and place - stamp > _NEW_COUNT * self.rate:
                self.shift += place - stamp
                stamp = place
            if place is None or abs(stamp - place) > _SLACK * self.rate:
                place = stamp
        place = place or 0
        begin = max(self.first, self.position or 0)
        if place - begin > _LONGEST_GAP * self.rate:
            end, seconds = file_end(self.reader), place / self.rate
            if seconds > end + _BEYOND:
                raise MediaError(
                    self.path, f'its sound goes on after {seconds:.0f} s, the '
                    f'file ends after {end:.0f} s: damaged time stamps')
        stop = place + samples
        if self.last is not None and stop >= self.last:
            stop, self.full = self.last, True
        if stop > begin:
            gap = min(place, stop) - begin
            if gap > 0:
                self.pieces.append(np.zeros(gap, dtype=np.float32))
                begin += gap
            if stop > begin:
                wave = read()
                self.heard = True
                self.pieces.append(wave[begin - place:stop - place])
        self.position = max(stop, self.position or 0)

    def _check_format(self, frame: av.AudioFrame) -> None:
        layout = (frame.sample_rate, frame.layout.nb_channels)
        if self.layout is None:
            if not 1000 <= frame.sample_rate <= 768000:
                raise MediaError(
                    self.path, f'its sound claims {frame.sample_rate} samples '
                    'a second: damaged header')
            self.layout, self.rate = layout, frame.sample_rate
            self.first = round(self.start * self.rate)
            if self.end is not None:
                self.last = max(round(self.end * self.rate), self.first + 1)
        elif layout != self.layout:
            if self.allow_changes:
                self.flush()
                self.reader.tolerated['change of the sound'] += 1
                self.layout = layout
                return
            raise MediaError(
                self.path, f'its sound changes from {self.layout} to {layout} '
                '(samples a second, channels); allow_changes takes it')

    def result(self) -> np.ndarray:
        if not self.heard:
            until = '' if self.end is None else f' and before {self.end:.2f} s'
            raise MissingStreamError(
                self.path, f'has no sound after {self.start:.2f} s{until}')
        wave = np.concatenate(self.pieces)
        if not np.isfinite(wave).all():
            raise MediaError(self.path, 'its sound holds NaN or infinity')
        return wave
