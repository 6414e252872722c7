"""One media file read for its picture and its sound, every failure named."""
import math
import os
import time
from collections import Counter
from contextlib import contextmanager
from itertools import chain
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Set,
    Tuple,
)

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from .errors import MediaError, MissingStreamError
from .file_names import unreadable

#: Files up to this size are read once and their packets kept, so that going
#: back and forth in them costs nothing.
KEPT_BYTES = 1 << 24

#: What FFmpeg also opens but is not a clip: lists that point to other
#: files, and text that it renders as a terminal would.
NOT_CLIPS = {'concat', 'concatf', 'dash', 'hls', 'imf', 'lavfi', 'tty'}

#: Said of damage.
DAMAGE_HINT = '; allow_damage=N takes N such places'

#: A frame larger than 8192 x 8192 is taken for a damaged header.
_LIMITS = dict(max_pixels=str(1 << 26))


class MediaReader:
    """A media file opened once, for its picture and its sound alike.

    Opening costs as much as decoding several frames, so one reader serves
    the frame index, the frames and the sound. Time is counted in seconds
    from the file's start, which is where its earliest stream starts.

    Args:
        path (str): A file on disk, in any container that PyAV reads.
        timeout (float, optional): Seconds that one request (an index, some
            frames, a piece of sound) may take before it is given up as a
            :class:`MediaError`. ``None`` is no limit. Defaults to 60.

    Raises:
        MediaError: The file is absent, empty, not a regular file, or not
            something that FFmpeg reads.
    """

    container: InputContainer
    video: Optional[VideoStream]
    audio: Optional[AudioStream]

    def __init__(self, path: str, timeout: Optional[float] = 60.0) -> None:
        self.path = os.fspath(path)
        self.timeout = timeout
        problem = unreadable(self.path)
        if problem is not None:
            raise MediaError(self.path, problem)
        status = os.stat(self.path)
        #: What tells this content from a later one under the same name.
        self.signature = (os.path.abspath(self.path), status.st_size,
                          status.st_mtime_ns)
        #: What was allowed to be wrong, and how often.
        self.tolerated: Counter = Counter()
        #: How many places may be damaged, and those that were found.
        self.allow_damage = 0
        self._damaged: Set[Tuple[str, Optional[int]]] = set()
        #: Whether the file is small enough for its packets to be kept.
        self.keeps = status.st_size <= KEPT_BYTES
        self._open()
        starts = [
            float(stream.start_time * stream.time_base)
            for stream in (self.video, self.audio)
            if stream is not None and stream.start_time is not None
            and stream.time_base
        ]
        self.origin = min(starts, default=0.0)

    def _open(self) -> None:
        self.restart_clock()
        with self.naming('cannot be opened'):
            # An absolute path keeps a colon in a relative name from being
            # taken for a protocol.
            self.container = av.open(
                self.signature[0],
                metadata_errors='replace',
                timeout=self.timeout,
                # For the decoders that look at the first packets, too.
                options=dict(_LIMITS),
                container_options=dict(protocol_whitelist='file'))
        if self.container.format.name in NOT_CLIPS:
            raise MediaError(
                self.path, 'is not a media file: FFmpeg takes it for '
                f'"{self.container.format.name}"')
        self.video = self._main('video')
        self.audio = self._main('audio')
        self._kept: Dict[str, List[av.Packet]] = {}
        #: Whether nothing has been read since the file was opened.
        self.fresh = True

    def _main(self, kind: str) -> Any:
        """What a player shows: the first stream that the file marks as the
        default, or else the first. Cover art is not a picture."""
        streams = [
            stream for stream in getattr(self.container.streams, kind)
            if not stream.disposition & Disposition.attached_pic
        ]
        if not streams:
            return None
        stream = next(
            (s for s in streams if s.disposition & Disposition.default),
            streams[0])
        context = stream.codec_context
        if context is None:
            raise MediaError(
                self.path, f'no decoder for its {kind} stream '
                f'{stream.index} in this build of PyAV')
        # More would only pay where no data loader has workers.
        context.thread_count = 1
        context.options = dict(_LIMITS)
        return stream

    def reopen(self) -> None:
        """Start again at the file's first packet, unless it stands there."""
        if not self.fresh:
            self.close()
            self._open()

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self.container.close()

    def __enter__(self) -> 'MediaReader':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def require(self, kind: str) -> Any:
        """The ``'video'`` or ``'audio'`` stream.

        Raises:
            MissingStreamError: The file has none.
            MediaError: The file is damaged, so that it may have had one.
        """
        stream = getattr(self, kind)
        if stream is None:
            # Late, as it reads the packets of such a file.
            from .completeness import check_absence
            check_absence(self)
            raise MissingStreamError(
                self.path, 'has no picture (no video stream)'
                if kind == 'video' else 'has no sound (no audio stream)')
        return stream

    def restart_clock(self) -> None:
        """Begin a request: the timeout counts from here."""
        self._deadline = time.monotonic() + (
            math.inf if self.timeout is None else self.timeout)

    def check_clock(self) -> None:
        """Give up when the request has taken too long.

        Raises:
            MediaError: The timeout has passed.
        """
        if time.monotonic() > self._deadline:
            raise self._too_slow()

    def _too_slow(self) -> MediaError:
        return MediaError(
            self.path, f'took longer than {self.timeout:g} s to decode; '
            'raise `timeout` if the clip is worth it')

    @contextmanager
    def naming(self, what: str) -> Iterator[None]:
        """Turn whatever PyAV raises into an error that names the file."""
        try:
            yield
        except av.error.ExitError as error:
            # FFmpeg's own clock, which watches waiting for the disk.
            raise self._too_slow() from error
        except av.FFmpegError as error:
            reason = error.strerror or str(error)
            raise MediaError(
                self.path, f'{what}: {reason} (damaged, truncated or not a '
                'media file)') from error
        except (ValueError, OverflowError, UnicodeError) as error:
            raise MediaError(self.path, f'{what}: {error}') from error

    def packets(self, kind: str) -> Iterator[Optional[av.Packet]]:
        """A stream's packets from the first one on.

        The file must have the stream, which is 'video' or 'audio'. None
        comes last and drains the decoder.
        """
        if self.keeps:
            return self._emit(kind, self.kept(kind))
        self.reopen()
        return self._emit(kind, self.demux(getattr(self, kind)))

    def packets_from(self, kind: str,
                     wanted: int) -> Iterator[Optional[av.Packet]]:
        """Those from the last key frame at or before a time on.

        It is in the stream's own unit. Containers search as well as their
        tables allow: where the search lands after the time, the file is read
        from its beginning instead, which is slower and right.
        """
        if self.keeps:
            kept = self.kept(kind)
            return self._emit(kind, kept[_place(kept, wanted):])
        stream = getattr(self, kind)
        self._seek(stream, wanted)
        packets = self.demux(stream)
        for packet in packets:
            if packet.is_keyframe or packet.pts is None:
                if packet.pts is not None and packet.pts <= wanted:
                    return self._emit(kind, chain([packet], packets))
                break
        return self.packets(kind)

    def _seek(self, stream: Any, wanted: int) -> None:
        with self.naming('cannot be searched'):
            self.container.seek(wanted, stream=stream)

    def kept(self, kind: str) -> List[av.Packet]:
        """All packets of a stream of a small file, read once.

        Sound is kept with the picture, as it is next to nothing beside it;
        picture is not kept where only the sound was asked for.
        """
        if kind not in self._kept:
            self.reopen()
            kinds = [kind]
            if kind == 'video' and self.audio is not None:
                kinds.append('audio')
            streams = {getattr(self, k).index: k for k in kinds}
            kept: Dict[str, List[av.Packet]] = {k: [] for k in kinds}
            for packet in self.demux(*(getattr(self, k) for k in kinds)):
                kept[streams[packet.stream_index]].append(packet)
            self._kept = kept
        return self._kept[kind]

    def all_packets(self) -> Iterator[av.Packet]:
        """Packets of picture and sound, in no particular order."""
        if self.keeps:
            self.kept('video' if self.video else 'audio')
            return chain(*self._kept.values())
        self.reopen()
        return self.demux(
            *(s for s in (self.video, self.audio) if s is not None))

    def _emit(self, kind: str, packets: Iterable[av.Packet]
              ) -> Iterator[Optional[av.Packet]]:
        """Packets to decode, with the decoder set back first."""
        getattr(self, kind).codec_context.flush_buffers()
        for packet in packets:
            self.check_clock()
            yield packet
        yield None

    def demux(self, *streams) -> Iterator[av.Packet]:
        """Read packets of some streams from where the file stands.

        Packets of other streams are not even read from the disk where the
        container allows it. Empty packets are dropped, and so is the last
        one where the file ends in the middle of it, except for plain
        samples, of which half a packet is good.
        """
        for one in self.container.streams:
            one.discard = Discard.default if one in streams else Discard.all
        self.fresh = False
        cut: Dict[int, List[av.Packet]] = {}
        with self.naming('cannot be read'):
            packets = self.container.demux(*streams)
            while True:
                try:
                    packet = next(packets)
                except (StopIteration, IndexError):
                    # IndexError: PyAV, at the end, trips over a stream that
                    # only appeared on the way; ours are complete by then.
                    return
                self.check_clock()
                plain = packet.stream.codec_context.name.startswith('pcm_')
                if packet.is_corrupt and not plain:
                    cut.setdefault(packet.stream_index, []).append(packet)
                elif packet.size:
                    yield from cut.pop(packet.stream_index, ())
                    yield packet

    def decode(self, kind: str, packet: Optional[av.Packet]) -> List[Any]:
        """Frames of one packet, or with None what drains the decoder."""
        what = 'picture' if kind == 'video' else 'sound'
        try:
            with self.naming(f'{what} cannot be decoded'):
                return getattr(self, kind).codec_context.decode(packet)
        except MediaError as error:
            place = None
            if packet is not None:
                place = packet.pos if packet.pts is None else packet.pts
            if not self.tolerates_damage(kind, place):
                raise MediaError(
                    self.path, f'{error.reason}{DAMAGE_HINT}') from error
            return []

    def tolerates_damage(self, kind: str, place: Optional[int]) -> bool:
        """Whether a damaged packet, or its frame, is allowed; counts it.

        Args:
            kind (str): ``'video'`` or ``'audio'``.
            place (int, optional): Its time stamp, or what else tells it.
        """
        if (kind, place) not in self._damaged:
            if len(self._damaged) >= self.allow_damage:
                return False
            self._damaged.add((kind, place))
            self.tolerated['damaged place'] += 1
        return True


def _place(packets: List[av.Packet], wanted: int) -> int:
    """Where to start decoding in order to reach a time."""
    place = 0
    for number, packet in enumerate(packets):
        if packet.is_keyframe and packet.pts is not None:
            if packet.pts > wanted:
                break
            place = number
    return place
