"""One opened media file, with every failure named."""
import errno
import os
import stat
import time
from contextlib import contextmanager
from itertools import chain
from typing import Dict, Iterator, List, Optional

import av
import av.stream

from .errors import MediaError, MissingStreamError

#: A frame larger than this (8192 x 8192) is taken for a damaged header.
MAX_PIXELS = 1 << 26

#: Files up to this size are read once and their packets kept, so that going
#: back and forth in them costs nothing.
KEPT_BYTES = 1 << 24

#: What FFmpeg also opens but is not a clip: lists that point to other
#: files, and text that it renders as a terminal would.
NOT_CLIPS = {'concat', 'concatf', 'dash', 'hls', 'imf', 'lavfi', 'tty'}

# Flags that older versions of PyAV lack.
_COVER_ART = getattr(
    getattr(av.stream, 'Disposition', None), 'attached_pic', 0)
_DISCARD = getattr(av.stream, 'Discard', None)

_OPTIONS = dict(protocol_whitelist='file', max_pixels=str(MAX_PIXELS))


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
        threads (int): Decoding threads. More than one only pays where
            nothing else runs, not inside the workers of a data loader.
            Defaults to 1.

    Raises:
        MediaError: The file is absent, empty, not a regular file, or not
            something that FFmpeg reads.
    """

    def __init__(self,
                 path: str,
                 timeout: Optional[float] = 60.0,
                 threads: int = 1) -> None:
        self.path = os.fspath(path)
        self.timeout = timeout
        self.threads = threads
        self.container = None
        status = self._check_file()
        #: What tells this content from a later one under the same name.
        self.signature = (os.path.abspath(self.path), status.st_size,
                          status.st_mtime_ns)
        self._deadline = None
        self.reopen()
        self.origin = self._origin()

    def _check_file(self) -> os.stat_result:
        try:
            status = os.stat(self.path)
        except (OSError, ValueError) as error:
            if getattr(error, 'errno', None) in (errno.ENOENT, errno.ENOTDIR):
                raise MediaError(self.path, 'no such file') from None
            raise MediaError(self.path, f'cannot be read: {error}') from None
        if stat.S_ISDIR(status.st_mode):
            raise MediaError(self.path, 'is a directory, not a media file')
        if not stat.S_ISREG(status.st_mode):
            raise MediaError(self.path, 'is not a regular file')
        if status.st_size == 0:
            raise MediaError(self.path, 'is empty (0 bytes)')
        return status

    def reopen(self) -> None:
        """Start again at the file's first packet."""
        self.close()
        self.restart_clock()
        self._kept: Dict[str, List[av.Packet]] = {}
        with self.naming('cannot be opened'):
            # An absolute path keeps a colon in a relative name from being
            # taken for a protocol.
            self.container = av.open(
                os.path.abspath(self.path),
                metadata_errors='replace',
                options=_OPTIONS,
                timeout=self.timeout)
        if self.container.format.name in NOT_CLIPS:
            raise MediaError(
                self.path, 'is not a media file: FFmpeg takes it for '
                f'"{self.container.format.name}"')
        self.video = self._best('video')
        self.audio = self._best('audio')
        #: Whether nothing has been read since the file was opened.
        self.fresh = True

    def _best(self, kind: str):
        """The first stream of a kind; cover art is not a picture."""
        streams = [
            stream for stream in getattr(self.container.streams, kind)
            if not getattr(stream, 'disposition', 0) & _COVER_ART
        ]
        if not streams:
            return None
        stream = streams[0]
        if stream.codec_context is None:
            raise MediaError(
                self.path, f'no decoder for its {kind} stream '
                f'{stream.index} in this build of PyAV')
        context = stream.codec_context
        context.thread_count = self.threads
        context.thread_type = 'SLICE' if self.threads == 1 else 'AUTO'
        context.options = dict(max_pixels=_OPTIONS['max_pixels'])
        return stream

    def _origin(self) -> float:
        starts = [
            float(stream.start_time * stream.time_base)
            for stream in (self.video, self.audio)
            if stream is not None and stream.start_time is not None
            and stream.time_base
        ]
        return min(starts, default=0.0)

    @property
    def duration(self) -> Optional[float]:
        """Seconds the header promises, or None where it does not say."""
        if self.container.duration is None:
            return None
        return self.container.duration / av.time_base

    def require(self, kind: str):
        """The ``'video'`` or ``'audio'`` stream.

        Raises:
            MissingStreamError: The file has none.
        """
        stream = getattr(self, kind)
        if stream is None:
            raise MissingStreamError(
                self.path, 'has no picture (no video stream)'
                if kind == 'video' else 'has no sound (no audio stream)')
        return stream

    def packets(self, kind: str) -> Iterator[Optional[av.Packet]]:
        """A stream's packets from the first one on.

        Args:
            kind (str): 'video' or 'audio'; the file must have it.

        Yields:
            av.Packet | None: None comes last and drains the decoder.
        """
        if self.keeps:
            return self._emit(kind, self._kept_packets(kind))
        if not self.fresh:
            self.reopen()
        return self._emit(kind, self.demux(getattr(self, kind)))

    def packets_from(self, kind: str,
                     wanted: int) -> Iterator[Optional[av.Packet]]:
        """The packets from the last key frame at or before a time on.

        Containers search as well as their tables allow. Where the search
        lands after the time, the file is read from its beginning instead,
        which is slower and right.

        Args:
            kind (str): 'video' or 'audio'; the file must have it.
            wanted (int): The time in the stream's own unit.
        """
        if self.keeps:
            packets = self._kept_packets(kind)
            return self._emit(kind, packets[_place(packets, wanted):])
        stream = getattr(self, kind)
        self._seek(stream, wanted)
        packets = self.demux(stream)
        for packet in packets:
            if packet.is_keyframe or packet.pts is None:
                if packet.pts is not None and packet.pts <= wanted:
                    return self._emit(kind, chain([packet], packets))
                break
        return self.packets(kind)

    def _seek(self, stream, timestamp: int) -> None:
        with self.naming('cannot be searched'):
            self.container.seek(int(timestamp), stream=stream)
        self.fresh = False

    @property
    def keeps(self) -> bool:
        """bool: Whether the file is small enough for its packets to be
        kept."""
        return self.signature[1] <= KEPT_BYTES

    def _kept_packets(self, kind: str) -> List[av.Packet]:
        """All packets of a stream of a small file, read once.

        Sound is kept with the picture, as it is next to nothing beside it;
        picture is not kept where only the sound was asked for.
        """
        if kind not in self._kept:
            if not self.fresh:
                self.reopen()
            kinds = [kind]
            if kind == 'video' and self.audio is not None:
                kinds.append('audio')
            streams = {getattr(self, k).index: k for k in kinds}
            kept = {k: [] for k in kinds}
            for packet in self.demux(*(getattr(self, k) for k in kinds)):
                kept[streams[packet.stream_index]].append(packet)
            self._kept = kept
        return self._kept[kind]

    def all_packets(self) -> Iterator[av.Packet]:
        """Packets of picture and sound, in no particular order."""
        if self.keeps:
            self._kept_packets('video' if self.video else 'audio')
            return chain(*self._kept.values())
        if not self.fresh:
            self.reopen()
        return self.demux(
            *(s for s in (self.video, self.audio) if s is not None))

    def _emit(self, kind: str, packets) -> Iterator[Optional[av.Packet]]:
        """Packets to decode, with the decoder set back first."""
        getattr(self, kind).codec_context.flush_buffers()
        for packet in packets:
            self.check_clock()
            yield packet
        yield None

    def demux(self, *streams) -> Iterator[av.Packet]:
        """Read packets of some streams from where the file stands.

        Packets of other streams are not even read from the disk where the
        container allows it, and empty ones are dropped.
        """
        if _DISCARD is not None:
            for one in self.container.streams:
                one.discard = (
                    _DISCARD.default if one in streams else _DISCARD.all)
        self.fresh = False
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
                if packet.size:
                    yield packet

    def decode(self, kind: str,
               packet: Optional[av.Packet]) -> List[av.frame.Frame]:
        """Decode one packet, or with None drain the decoder."""
        what = 'picture' if kind == 'video' else 'sound'
        with self.naming(f'{what} cannot be decoded'):
            return getattr(self, kind).codec_context.decode(packet)

    def restart_clock(self) -> None:
        """Begin a request: the timeout counts from here."""
        if self.timeout is not None:
            self._deadline = time.monotonic() + self.timeout

    def check_clock(self) -> None:
        """Give up when the request has taken too long.

        Raises:
            MediaError: The timeout has passed.
        """
        if self.timeout is not None and time.monotonic() > self._deadline:
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

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self.container is not None:
            self.container.close()
            self.container = self.video = self.audio = None

    def __enter__(self) -> 'MediaReader':
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _place(packets: List[av.Packet], wanted: int) -> int:
    """Where to start decoding in order to reach a time."""
    place = 0
    for number, packet in enumerate(packets):
        if packet.is_keyframe and packet.pts is not None:
            if packet.pts > wanted:
                break
            place = number
    return place
