"""Does a file hold as much as its header promises?"""
from typing import Dict

from .errors import MediaError
from .reader import MediaReader
from .riff import present_share


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
    if stream.duration is not None:
        _compare(reader, 'picture', _promised(reader, stream),
                 reach.get(stream.index, 0.0))
    elif reader.duration is not None:
        # Only the whole has a length, and the sound may be what lasts it.
        _compare(reader, 'picture', reader.duration,
                 max(reach.values(), default=0.0))


def check_sound(reader: MediaReader, ended: float) -> None:
    """Refuse a file whose sound ends before it should.

    Args:
        reader (MediaReader): The opened file.
        ended (float): Seconds after which its last sample was decoded.

    Raises:
        MediaError: The file is truncated.
    """
    stream = reader.audio
    if reader.container.format.name == 'wav':
        # FFmpeg only says how much is there.
        share = present_share(reader.path)
        if share is not None and share < 0.95:
            raise MediaError(
                reader.path, f'is truncated: {share:.0%} of its sound is '
                'there')
    if stream.duration is not None:
        _compare(reader, 'sound', _promised(reader, stream), ended)
    elif reader.duration is not None and _is_short(reader.duration, ended):
        # The picture may last longer, unless the file ends here.
        ends = {}
        for packet in reader.all_packets():
            if packet.pts is not None:
                end = packet.pts + (packet.duration or 0)
                ends[packet.stream_index] = max(
                    ends.get(packet.stream_index, end), end)
        _compare(reader, 'sound', reader.duration,
                 max(_seconds(reader, ends).values(), default=0.0))


def _promised(reader: MediaReader, stream) -> float:
    begin = stream.start_time or 0
    return float((begin + stream.duration) * stream.time_base) - reader.origin


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
