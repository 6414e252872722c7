"""Opening a media file, with every failure named."""
import errno
import os
import stat
import time
from contextlib import contextmanager
from typing import Iterator, Optional

import av
import av.stream

from mmbalance_plugin.utils.pointers import LONGEST, pointer_file

from .errors import MediaError, MissingStreamError

#: A frame larger than this (8192 x 8192) is taken for a damaged header.
MAX_PIXELS = 1 << 26

#: What FFmpeg also opens but is not a clip: lists that point to other
#: files, and text that it renders as a terminal would.
NOT_CLIPS = {'concat', 'concatf', 'dash', 'hls', 'imf', 'lavfi', 'tty'}

# Flags that older versions of PyAV lack.
_FLAGS = getattr(av.stream, 'Disposition', None)
_COVER_ART = getattr(_FLAGS, 'attached_pic', 0)
_DEFAULT = getattr(_FLAGS, 'default', 0)

_LIMITS = dict(max_pixels=str(MAX_PIXELS))
_OPTIONS = dict(container_options=dict(protocol_whitelist='file'))
if int(av.__version__.split('.')[0]) >= 17:
    # For the decoders that look at the first packets, too. Before 17, PyAV
    # crashes over this where a container names its streams late.
    _OPTIONS['options'] = _LIMITS


class OpenedFile:
    """A media file's container, its main streams and its clock.

    Args:
        path (str): A file on disk, in any container that PyAV reads.
        timeout (float, optional): See :class:`MediaReader`. Defaults to 60.
        threads (int): Decoding threads. Defaults to 1.
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
                raise MediaError(
                    self.path,
                    pointer_file(self.path) or 'no such file') from None
            raise MediaError(self.path, f'cannot be read: {error}') from None
        if stat.S_ISDIR(status.st_mode):
            raise MediaError(self.path, 'is a directory, not a media file')
        if not stat.S_ISREG(status.st_mode):
            raise MediaError(self.path, 'is not a regular file')
        if status.st_size == 0:
            raise MediaError(self.path, 'is empty (0 bytes)')
        if status.st_size <= LONGEST:
            problem = pointer_file(self.path)
            if problem is not None:
                raise MediaError(self.path, problem)
        return status

    def reopen(self) -> None:
        """Start again at the file's first packet."""
        self.close()
        self.restart_clock()
        with self.naming('cannot be opened'):
            # An absolute path keeps a colon in a relative name from being
            # taken for a protocol.
            self.container = av.open(
                os.path.abspath(self.path),
                metadata_errors='replace',
                timeout=self.timeout,
                **_OPTIONS)
        if self.container.format.name in NOT_CLIPS:
            raise MediaError(
                self.path, 'is not a media file: FFmpeg takes it for '
                f'"{self.container.format.name}"')
        self.video = self._best('video')
        self.audio = self._best('audio')
        #: Whether nothing has been read since the file was opened.
        self.fresh = True

    def _best(self, kind: str):
        """The main stream of a kind; cover art is not a picture.

        That is what a player shows: the first one that the file marks as
        the default, or else the first.
        """
        streams = [
            stream for stream in getattr(self.container.streams, kind)
            if not getattr(stream, 'disposition', 0) & _COVER_ART
        ]
        if not streams:
            return None
        stream = next(
            (s for s in streams if getattr(s, 'disposition', 0) & _DEFAULT),
            streams[0])
        if stream.codec_context is None:
            raise MediaError(
                self.path, f'no decoder for its {kind} stream '
                f'{stream.index} in this build of PyAV')
        context = stream.codec_context
        context.thread_count = self.threads
        context.thread_type = 'SLICE' if self.threads == 1 else 'AUTO'
        context.options = dict(_LIMITS)
        return stream

    def _origin(self) -> float:
        starts = [
            float(stream.start_time * stream.time_base)
            for stream in (self.video, self.audio)
            if stream is not None and stream.start_time is not None
            and stream.time_base
        ]
        return min(starts, default=0.0)

    def require(self, kind: str):
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

    def __enter__(self) -> 'OpenedFile':
        return self

    def __exit__(self, *_) -> None:
        self.close()
