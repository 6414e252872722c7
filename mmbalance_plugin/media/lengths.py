"""How long a file states that it lasts.

Where no header says so, FFmpeg divides the file's size by the bit rate of
its first packets and reports the result just like a stated length: music
that begins softly would last several times as long as it does.
"""
from typing import Any, Optional

import av

from .headers import asf_share, mp3_samples, wave_share
from .reader import MediaReader

#: Containers that state how long each stream lasts.
_EACH = {
    'aiff', 'argo_asf', 'ast', 'au', 'avi', 'caf', 'film_cpk', 'flac', 'ivf',
    'mov', 'mp3', 'mxf', 'rm', 'smjpeg', 'tta', 'w64', 'wav', 'wv'
}
#: Containers that state one length for all streams. FFmpeg nevertheless
#: gives it to each stream (asf) or to those in which it finds nothing.
_ONE = {'asf', 'flv', 'matroska'}
#: Of these the ones that state a number of frames or samples.
_COUNTED = {'avi', 'caf'}
#: Containers at whose end FFmpeg looks for the last time stamp.
_MEASURED = {'dv', 'gif', 'mpeg', 'mpegts', 'nut', 'ogg', 'yuv4mpegpipe'}
#: Containers that state how many bytes they hold.
_SIZED = dict(asf=asf_share, w64=wave_share, wav=wave_share)

#: What is written where the length is not known yet: frames in an avi,
#: seconds in a RealMedia file.
_ENDLESS_AVI = 1 << 30
_ENDLESS_RM = 3600


def kind_of(reader: MediaReader) -> str:
    """FFmpeg's first name of a file's container."""
    return reader.container.format.name.split(',')[0]


def present_share(reader: MediaReader) -> Optional[float]:
    """Share of the bytes that a header states which are really there.

    More than 1 where something was appended; None where no number of bytes
    is stated.
    """
    measure = _SIZED.get(kind_of(reader))
    return measure(reader.path) if measure else None


def stream_length(reader: MediaReader, stream: Any) -> Optional[float]:
    """Seconds that the header states for one stream.

    None where it states only the length of the whole file, or none at all.
    """
    kind = kind_of(reader)
    if kind not in _EACH or stream.duration is None:
        return None
    seconds = float(stream.duration * stream.time_base)
    if kind in _COUNTED:
        if stream.frames >= _ENDLESS_AVI:
            return None
        # FFmpeg makes the length one of the bytes that are there, but keeps
        # the number of frames, or samples, that the header states.
        return float(stream.frames * stream.time_base) or None
    if kind == 'rm' and seconds == _ENDLESS_RM:
        return None
    if kind in _SIZED and present_share(reader) is None:
        return None
    if kind == 'mp3':
        # FFmpeg has it from a tag, unless it does not believe that, as where
        # another file was appended; it leaves out what the encoder has added
        # at both ends.
        tagged = (mp3_samples(reader.path)
                  or 0) / stream.codec_context.sample_rate
        return seconds if tagged and abs(tagged - seconds) < 1 else None
    return seconds


def whole_length(reader: MediaReader) -> Optional[float]:
    """Seconds that the header states for the file as a whole.

    That of the longest stream where each has its own; None where nothing is
    stated.
    """
    kind, streams = kind_of(reader), reader.container.streams
    if kind in _EACH:
        stated = [stream_length(reader, stream) for stream in streams]
        return max((s for s in stated if s is not None), default=None)
    if kind not in _ONE or reader.container.duration is None:
        return None
    if kind == 'asf':
        share = present_share(reader)
        # Else FFmpeg does not believe the stated length and guesses, too.
        believed = share and max(share, 1 / share) < 1.05
        stream: Any = reader.video or reader.audio
        if not believed or stream is None or stream.duration is None:
            return None
        return float(stream.duration * stream.time_base)
    if all(stream.duration is not None for stream in streams) and any(
            stream.start_time is not None for stream in streams):
        return None  # a guess: a stated length stays with the file
    return reader.container.duration / av.time_base


def known_length(reader: MediaReader) -> Optional[float]:
    """Seconds that a file lasts, as stated or by its last time stamp.

    None where FFmpeg would have to guess.
    """
    kind, stated = kind_of(reader), whole_length(reader)
    if kind in _COUNTED:
        return stated
    if reader.container.duration is None or (
            kind not in _MEASURED and stated is None):
        return None
    return reader.container.duration / av.time_base
