"""One media file read for its picture and its sound alike."""
from itertools import chain
from typing import Dict, Iterator, List, Optional

import av
import av.stream

from .opened_file import OpenedFile

#: Files up to this size are read once and their packets kept, so that going
#: back and forth in them costs nothing.
KEPT_BYTES = 1 << 24

# A flag that older versions of PyAV lack.
_DISCARD = getattr(av.stream, 'Discard', None)


class MediaReader(OpenedFile):
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

    def reopen(self) -> None:
        """Start again at the file's first packet."""
        self._kept: Dict[str, List[av.Packet]] = {}
        super().reopen()

    def packets(self, kind: str) -> Iterator[Optional[av.Packet]]:
        """A stream's packets from the first one on.

        Args:
            kind (str): 'video' or 'audio'; the file must have it.

        Yields:
            av.Packet | None: None comes last and drains the decoder.
        """
        if self.keeps:
            return self._emit(kind, self.kept(kind))
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
            packets = self.kept(kind)
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

    def kept(self, kind: str) -> List[av.Packet]:
        """All packets of a stream of a small file, read once.

        Sound is kept with the picture, as it is next to nothing beside it;
        picture is not kept where only the sound was asked for.

        Args:
            kind (str): 'video' or 'audio'; the file must have it.
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
            self.kept('video' if self.video else 'audio')
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
        container allows it. Empty packets are dropped, and so is the last
        one where the file ends in the middle of it, except for plain
        samples, of which half a packet is good.
        """
        if _DISCARD is not None:
            for one in self.container.streams:
                one.discard = (
                    _DISCARD.default if one in streams else _DISCARD.all)
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
                if packet.is_corrupt and not _is_plain(packet.stream):
                    cut.setdefault(packet.stream_index, []).append(packet)
                elif packet.size:
                    yield from cut.pop(packet.stream_index, ())
                    yield packet

    def decode(self, kind: str,
               packet: Optional[av.Packet]) -> List[av.frame.Frame]:
        """Decode one packet, or with None drain the decoder."""
        what = 'picture' if kind == 'video' else 'sound'
        with self.naming(f'{what} cannot be decoded'):
            return getattr(self, kind).codec_context.decode(packet)


def _is_plain(stream) -> bool:
    return stream.codec_context.name.startswith('pcm_')


def _place(packets: List[av.Packet], wanted: int) -> int:
    """Where to start decoding in order to reach a time."""
    place = 0
    for number, packet in enumerate(packets):
        if packet.is_keyframe and packet.pts is not None:
            if packet.pts > wanted:
                break
            place = number
    return place
