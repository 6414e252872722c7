"""Decoding exactly the frames that were asked for."""
from typing import (
    Any,
    Container,
    Dict,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
)

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from .errors import MediaError
from .index import FrameIndex, frame_index
from .orientation import upright
from .reader import DAMAGE_HINT, MediaReader

#: Frames between two wanted ones that must be skipped for a jump to pay.
_WORTH_A_JUMP = 4

#: How far away a frame may lie that stands for a lost one.
_NEAR = 12

#: Decoders that can be told packet by packet what to leave out. Others take
#: what they are told at first for the whole file (libdav1d).
_SKIPS_AT_WILL = {'h264', 'hevc', 'mpeg1video', 'mpeg2video', 'mpeg4'}


def decode_frames(reader: MediaReader,
                  indices: Sequence[int],
                  index: Optional[FrameIndex] = None,
                  allow_changes: bool = False,
                  square_pixels: bool = False,
                  allow_damage: int = 0) -> List[np.ndarray]:
    """Decode frames by their number, in the order given.

    A frame's number is its place in the order of display, whatever the
    order in the file, the frame rate or the key frames. Between frames far
    apart the file is searched for the nearest key frame; each frame is
    recognised by its time, and one that the decoder does not put out
    undamaged is an error, unless ``allow_damage`` says otherwise.

    Args:
        reader (MediaReader): The opened file.
        indices (Sequence[int]): Frame numbers; unsorted and repeated ones
            are fine.
        index (FrameIndex, optional): The file's frames. Defaults to None:
            :func:`frame_index` of the reader.
        allow_changes (bool): Whether the size may change on the way:
            pictures then have the first one's, and each that was scaled is
            counted in ``reader.tolerated``. Defaults to False.
        square_pixels (bool): Whether pictures get the width that a player
            shows, where pixels are not as wide as they are high. Defaults
            to False: they are as they were encoded.
        allow_damage (int): How many frames of the file may be damaged: one
            is as the decoder mends it or, where it is lost, the nearest one.
            Counted in ``reader.tolerated``. Defaults to 0.

    Returns:
        List[np.ndarray]: RGB pictures, uint8 (H, W, 3), one for each number.
        Repeated numbers give separate copies, so that transforms may work
        in place. Pictures are turned and mirrored where the file says so
        (phones held upright, front cameras).

    Raises:
        MediaError: A number out of range, a damaged frame, or a picture
            size that changes within the file.
    """
    reader.allow_damage = allow_damage
    if index is None:
        index = frame_index(reader)
    wanted = np.asarray(indices, dtype=np.int64).reshape(-1)
    order, first = np.unique(wanted, return_index=True)
    if len(order) and not 0 <= order[0] <= order[-1] < len(index):
        bad = order[0] if order[0] < 0 else order[-1]
        raise MediaError(
            reader.path,
            f'frame {bad} was asked for, it has frames 0 to {len(index) - 1}')
    # One scaling context serves the whole clip.
    reformatter = VideoReformatter()
    wide = _pixel_width(reader) if square_pixels else 1.
    pictures = {}
    for number, frame, (width, height) in _good(
            reader, index, order, allow_changes):
        pictures[number] = _to_rgb(reformatter, reader.path, frame, number,
                                   (max(round(width * wide), 1), height))
    alone = set(first.tolist())
    return [pictures[number] if place in alone else pictures[number].copy()
            for place, number in enumerate(wanted.tolist())]


def check_frames(reader: MediaReader, index: FrameIndex,
                 allow_changes: bool = False, allow_damage: int = 0) -> None:
    """Decode every frame and keep none.

    Args:
        reader, index, allow_changes, allow_damage: See
            :func:`decode_frames`.

    Raises:
        MediaError: A frame is lost or damaged, or of another size.
    """
    reader.allow_damage = allow_damage
    for _ in _good(reader, index, np.arange(len(index)), allow_changes):
        pass


def _good(reader: MediaReader, index: FrameIndex, order: np.ndarray,
          allow_changes: bool
          ) -> Iterator[Tuple[int, av.VideoFrame, Tuple[int, int]]]:
    """Yield each frame that may be used, with the size of the first."""
    first_size = None
    for number, frame in _walk(reader, index, order):
        size = frame.width, frame.height
        first_size = first_size or size
        if size != first_size:
            if not allow_changes:
                raise MediaError(
                    reader.path, 'the picture size changes at frame '
                    f'{number}; allow_changes takes it')
            reader.tolerated['frame of another size'] += 1
        if (frame.is_corrupt
                and not reader.tolerates_damage('video', frame.pts)):
            raise MediaError(
                reader.path, f'frame {number} is damaged{DAMAGE_HINT}')
        yield number, frame, first_size


def _walk(reader: MediaReader, index: FrameIndex,
          order: np.ndarray) -> Iterator[Tuple[int, av.VideoFrame]]:
    """Yield each frame of a sorted list once, or raise for a lost one."""
    reader.restart_clock()
    lost = set(order.tolist())
    by = _by_time if len(index.pts) else _by_count
    for number, frame in by(reader, index, order):
        lost.discard(number)
        yield number, frame
    for number in sorted(lost) if reader.allow_damage else ():
        near = _nearest(reader, index, number)
        pts = int(index.pts[number]) if len(index.pts) else number
        if near is None or not reader.tolerates_damage('video', pts):
            break
        lost.discard(number)
        yield number, near
    if lost:
        first = min(lost)
        raise MediaError(
            reader.path, f'{len(lost)} of {len(order)} frames cannot be '
            f'decoded, the first is {first} ({index.times[first]:.2f} s): '
            f'the file is damaged{DAMAGE_HINT}')


def _nearest(reader: MediaReader, index: FrameIndex,
             number: int) -> Optional[av.VideoFrame]:
    """The frame nearest to a lost one, the earlier of two."""
    by = _by_time if len(index.pts) else _by_count
    for away in range(1, _NEAR + 1):
        for other in (number - away, number + away):
            if 0 <= other < len(index):
                for _, frame in by(reader, index, np.array([other])):
                    return frame
    return None


def _pixel_width(reader: MediaReader) -> float:
    """How wide a pixel is to be shown, in its height."""
    ratio = float(reader.require('video').sample_aspect_ratio or 1)
    if not 1 / 8 < ratio < 8:
        raise MediaError(reader.path, f'its pixels claim to be {ratio:g} '
                         'times as wide as high: damaged header')
    return ratio


def _to_rgb(reformatter: VideoReformatter, path: str, frame: av.VideoFrame,
            number: int, size: Tuple[int, int]) -> np.ndarray:
    try:
        # Without a limit each worker would start a thread per core.
        picture = reformatter.reformat(
            frame, *size, format='rgb24', threads=1).to_ndarray()
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(
            path, f'frame {number} cannot be converted to RGB: {error}'
        ) from error
    matrix: Any = frame.side_data.get('DISPLAYMATRIX')
    return upright(picture, matrix and bytes(matrix))


def _by_count(reader: MediaReader, index: FrameIndex,
              order: np.ndarray) -> Iterator[Tuple[int, av.VideoFrame]]:
    """Decode from the start and count what comes out."""
    wanted, last = set(order.tolist()), order[-1] if len(order) else -1
    number = 0
    for packet in reader.packets('video'):
        for frame in reader.decode('video', packet):
            if number in wanted:
                yield number, frame
            number += 1
        if number > last:
            return


def _by_time(reader: MediaReader, index: FrameIndex,
             order: np.ndarray) -> Iterator[Tuple[int, av.VideoFrame]]:
    """Decode each run of frames from its key frame on."""
    for run in _runs(index, order):
        left = dict(zip(index.pts[run].tolist(), run.tolist()))
        for key in dict.fromkeys((_key_of(index, run[0]), 0)):
            yield from _from_key(reader, index, key, left)
            if not left:
                break


def _from_key(reader: MediaReader, index: FrameIndex, key: int,
              left: Dict[int, int]) -> Iterator[Tuple[int, av.VideoFrame]]:
    """Decode from a key frame on, taking what is found out of ``left``."""
    last, first = max(left), int(index.keys[key])
    packets = (
        reader.packets_from('video', first) if key else
        reader.packets('video'))
    begun = not key
    for packet in packets:
        _skip_unneeded(reader, packet, left)
        for frame in reader.decode('video', packet):
            begun |= frame.pts == first
            if not begun and frame.pts is not None and frame.pts > first:
                # The key frame did not come out: a picture that is refreshed
                # piece by piece, for which encoders promise too much.
                return
            number = left.pop(frame.pts, None)
            if number is not None:
                yield number, frame
            elif frame.pts is not None and frame.pts > last:
                return  # Frames come in order: what is left is lost.
        if not left:
            return


def _skip_unneeded(reader: MediaReader, packet: Optional[av.Packet],
                   wanted: Container) -> None:
    """Spare frames that are neither wanted nor needed to decode others.

    Decoders know them (most B-frames) and leave them out for the asking.
    """
    context = reader.require('video').codec_context
    if packet is not None and context.name in _SKIPS_AT_WILL:
        level = 'DEFAULT' if packet.pts in wanted else 'NONREF'
        if context.skip_frame != level:
            context.skip_frame = level


def _key_of(index: FrameIndex, number: int) -> int:
    key = np.searchsorted(index.keys, index.pts[number], 'right') - 1
    return max(int(key), 0)


def _runs(index: FrameIndex, order: np.ndarray) -> List[np.ndarray]:
    """Split sorted frame numbers where jumping to a key frame pays."""
    cuts = []
    for i in range(1, len(order)):
        key = _key_of(index, order[i])
        if key > _key_of(index, order[i - 1]):
            first = np.searchsorted(index.pts, index.keys[key])
            if first - order[i - 1] > _WORTH_A_JUMP:
                cuts.append(i)
    return np.split(order, cuts) if len(order) else []
