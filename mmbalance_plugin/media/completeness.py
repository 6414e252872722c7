"""Does a file hold as much as its header promises?"""
from typing import Callable, Dict, Iterable, Optional

import av.stream

from .errors import MediaError
from .reader import MediaReader
from .riff import present_share

#: Containers that state one length for all streams. FFmpeg nevertheless
#: gives it to each stream (asf) or to those in which it finds nothing.
_ONE_LENGTH = {'asf', 'flv', 'matroska'}


def check_picture(reader: MediaReader, ends: Dict[int, int]) -> None:
    """Refuse a file whose picture, or everything in it, ends early.

    Args:
        reader (MediaReader): The opened file.
        ends (Dict[int, int]): Stream index -> when its last packet ends, in
            that stream's unit.

    Raises:
        MediaError: The file is truncated.
    """
    stream = reader.video
    reach = _seconds(reader, ends)
    if has_own_length(reader, stream):
        _compare(reader, 'picture', _promised(reader, stream),
                 reach.get(stream.index, 0.0))
    else:
        # Only the whole has a length, and the sound may be what lasts it.
        _check_whole(reader, 'picture', max(reach.values(), default=0.0),
                     _all_streams)


def check_sound(reader: MediaReader, ended: float) -> None:
    """Refuse a file whose sound ends before it should.

    Args:
        reader (MediaReader): The opened file.
        ended (float): Seconds after which its last sample was decoded.

    Raises:
        MediaError: The file is truncated.
    """
    stream = reader.audio
    if _kind(reader) == 'wav':
        # FFmpeg only says how much is there.
        share = present_share(reader.path)
        if share is not None and share < 0.95:
            raise MediaError(
                reader.path, f'is truncated: {share:.0%} of its sound is '
                'there')
    if has_own_length(reader, stream):
        _compare(reader, 'sound', _promised(reader, stream), ended)
    else:
        _check_whole(reader, 'sound', ended, _main_streams, _all_streams)


def _check_whole(reader: MediaReader, what: str, got: float,
                 *more: Callable[[MediaReader], Iterable]) -> None:
    """Compare with the length of the whole file, which any stream may fill.

    ``more`` are packets to look at where what was seen is too short.
    """
    promised = _whole(reader)
    if promised is None:
        return
    # Matroska counts from zero, others from the file's start.
    got += max(0.0, reader.origin)
    for packets in more:
        if not _is_short(promised, got):
            return
        got = max(got, _last_end(packets(reader)) - min(0.0, reader.origin))
    _compare(reader, what, promised, got)


def has_own_length(reader: MediaReader, stream: av.stream.Stream) -> bool:
    """Whether the header states this stream's length, not the file's only.

    Args:
        reader (MediaReader): The opened file.
        stream (av.Stream): One of its streams.
    """
    return stream.duration is not None and _kind(reader) not in _ONE_LENGTH


def _kind(reader: MediaReader) -> str:
    return reader.container.format.name.split(',')[0]


def _whole(reader: MediaReader) -> Optional[float]:
    """Seconds that the file as a whole should last."""
    if _kind(reader) != 'asf':
        return reader.duration
    stream = reader.video or reader.audio
    if stream.duration is None:
        return None
    return float(stream.duration * stream.time_base)


def _last_end(packets: Iterable) -> float:
    """When the last packet ends, in seconds by its own stamp."""
    return max((float((packet.pts + (packet.duration or 0)) * packet.time_base)
                for packet in packets if packet.pts is not None), default=0.0)


def _main_streams(reader: MediaReader) -> Iterable:
    return reader.all_packets()


def _all_streams(reader: MediaReader) -> Iterable:
    """Packets of further pictures, sounds and subtitles, too."""
    # Another reader, as this one's streams may be in use.
    with MediaReader(reader.path, timeout=reader.timeout) as other:
        yield from other.demux(*(
            stream for stream in other.container.streams
            if stream.codec_context is not None))


def _promised(reader: MediaReader, stream) -> float:
    begin, length = stream.start_time or 0, stream.duration
    if _kind(reader) == 'avi':
        # FFmpeg shortens the length by the share of the file that is there,
        # but keeps the number of frames that the header states.
        length = max(length, stream.frames)
    return float((begin + length) * stream.time_base) - reader.origin


def _seconds(reader: MediaReader, ends: Dict[int, int]) -> Dict[int, float]:
    streams = reader.container.streams
    return {
        index: float(end * streams[index].time_base) - reader.origin
        for index, end in ends.items()
    }


def _is_short(promised: float, got: float) -> bool:
    """Headers round, and encoders stop a packet early or late."""
    return promised - got > max(0.25, 0.05 * promised)


def _compare(reader: MediaReader, what: str, promised: float,
             got: float) -> None:
    if _is_short(promised, got):
        raise MediaError(
            reader.path, f'is truncated: the {what} should last '
            f'{promised:.2f} s and ends after {got:.2f} s')
