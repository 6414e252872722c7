"""Does a file hold as much as its header promises?"""
import os
from typing import Any, Callable, Dict, Iterable

from .errors import MediaError
from .headers import cut_box, flv_is_whole
from .lengths import (
    kind_of,
    known_length,
    present_share,
    stream_length,
    whole_length,
)
from .reader import MediaReader

#: Bytes in a packet of an MPEG transport stream: as it is, with a time
#: stamp, and with an error correction code.
_TS_PACKETS = (188, 192, 204)


#: Counted in ``reader.tolerated``.
EARLY_END = 'early end'


def check_picture(reader: MediaReader, ends: Dict[int, int]) -> None:
    """Refuse a file whose picture, or everything in it, ends early.

    ``ends`` is when the last packet of each stream, by its index, ends, in
    that stream's unit.

    Raises:
        MediaError: The file is truncated.
    """
    _check_size(reader)
    stream, streams = reader.require('video'), reader.container.streams
    reach = {
        index: float(end * (streams[index].time_base or 1)) - reader.origin
        for index, end in ends.items()
    }
    if not _has_length(reader, 'picture', stream,
                       reach.get(stream.index, 0.0)):
        # Only the whole has a length, and the sound may be what lasts it.
        _check_whole(reader, 'picture', max(reach.values(), default=0.0),
                     _all_streams)


def check_sound(reader: MediaReader, ended: float) -> None:
    """Refuse a file whose sound ends before it should.

    ``ended`` is when its last sample was decoded, in seconds.

    Raises:
        MediaError: The file is truncated.
    """
    _check_size(reader)
    if not _has_length(reader, 'sound', reader.audio, ended):
        _check_whole(reader, 'sound', ended, MediaReader.all_packets,
                     _all_streams)


def require_whole(check: Callable[..., None], reader: MediaReader,
                  seen: Any, allow_truncated: bool) -> None:
    """Run a check, and count what it finds where that is allowed.

    Args:
        check (Callable): :func:`check_picture` or :func:`check_sound`.
        reader (MediaReader): The file.
        seen (Any): What the check compares with.
        allow_truncated (bool): Whether the file may end early.

    Raises:
        MediaError: The file is truncated.
    """
    try:
        check(reader, seen)
    except MediaError as error:
        if not allow_truncated:
            raise MediaError(reader.path, f'{error.reason}; allow_truncated '
                             'takes what is there') from error
        reader.tolerated[EARLY_END] = 1


def check_absence(reader: MediaReader) -> None:
    """Refuse a file that may lack a stream because it is damaged.

    Most containers name their streams in a header that opens whole or not at
    all. The first packets of an MPEG program stream, cut off in front of the
    first sound, cannot be told from a whole file.

    Raises:
        MediaError: The file is truncated.
    """
    kind, within = kind_of(reader), None
    if kind == 'mov':
        box = cut_box(reader.path)
        within = box and f'its "{box}" box'
    elif kind == 'mpegts':
        size = os.path.getsize(reader.path)
        if all(size % packet for packet in _TS_PACKETS):
            within = 'a packet'
    elif kind == 'flv' and not flv_is_whole(reader.path):
        within = 'a tag'
    if within:
        raise MediaError(
            reader.path, f'is truncated: it ends within {within}')
    if kind == 'flv':
        _check_whole(reader, 'file', 0.0, MediaReader.all_packets,
                     _all_streams)
    _check_size(reader)


def file_end(reader: MediaReader) -> float:
    """Seconds after which a file ends at the latest.

    As stated, or measured; else that of the last picture, and 0 where there
    is none.
    """
    length = known_length(reader)
    if length is not None:
        return length + abs(reader.origin)
    if reader.video is None:
        return 0.0
    with MediaReader(reader.path, timeout=reader.timeout) as other:
        return _last_end(other.demux(other.video)) - reader.origin


def _check_size(reader: MediaReader) -> None:
    share = present_share(reader)
    if share is not None and share < 0.95:
        raise MediaError(
            reader.path, f'is truncated: {share:.0%} of it is there')


def _check_whole(reader: MediaReader, what: str, got: float,
                 *more: Callable[[MediaReader], Iterable]) -> None:
    """Compare with the length of the whole file, which any stream may fill.

    ``more`` are packets to look at where what was seen is too short.
    """
    promised = whole_length(reader)
    if promised is None:
        return
    # Matroska counts from zero, others from the file's start.
    got += max(0.0, reader.origin)
    for packets in more:
        if not _is_short(promised, got):
            return
        got = max(got, _last_end(packets(reader)) - min(0.0, reader.origin))
    _compare(reader, what, promised, got)


def _last_end(packets: Iterable) -> float:
    """When the last packet ends, in seconds by its own stamp."""
    return max((float((packet.pts + (packet.duration or 0)) * packet.time_base)
                for packet in packets if packet.pts is not None), default=0.0)


def _all_streams(reader: MediaReader) -> Iterable:
    """Packets of further pictures, sounds and subtitles, too."""
    # Another reader, as this one's streams may be in use.
    with MediaReader(reader.path, timeout=reader.timeout) as other:
        yield from other.demux(*(
            stream for stream in other.container.streams
            if stream.codec_context is not None))


def _has_length(reader: MediaReader, what: str, stream: Any,
                got: float) -> bool:
    """Whether the header says when a stream ends; it is compared then."""
    length = stream_length(reader, stream)
    if length is not None:
        begin = float((stream.start_time or 0) * stream.time_base)
        _compare(reader, what, begin + length - reader.origin, got)
    return length is not None


def _is_short(promised: float, got: float) -> bool:
    """Headers round, and encoders stop a packet early or late."""
    return promised - got > max(0.25, 0.05 * promised)


def _compare(reader: MediaReader, what: str, promised: float,
             got: float) -> None:
    if _is_short(promised, got):
        raise MediaError(
            reader.path, f'is truncated: the {what} should last '
            f'{promised:.2f} s and ends after {got:.2f} s')
