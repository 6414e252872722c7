"""Frames by PyAV, exactly those that were sampled."""
from typing import Optional, Tuple

import numpy as np

from mmbalance_plugin.media import (
    FrameIndex,
    MediaError,
    MissingStreamError,
    decode_frames,
    frame_index,
)
from mmbalance_plugin.registry import TRANSFORMS

from .base import Transform
from .media_results import (
    is_masked,
    mask_or_raise,
    open_media,
    report_tolerated,
)


def limit_to_segment(results: dict, index: FrameIndex) -> None:
    """Let frames be sampled only between the annotated seconds.

    ``total_frames`` becomes the number of frames shown from
    ``results['start']`` up to ``results['end']`` and ``start_index`` the
    first of them, which is what MMAction2's samplers count from.

    Raises:
        MissingStreamError: The first frame comes later.
        MediaError: The last one is over before.
    """
    start, end = results.get('start'), results.get('end')
    first, last = index.span(start, end)
    if last <= first:
        late = end is not None and end <= index.times[0]
        raise (MissingStreamError if late else MediaError)(
            results.get('filename', 'a clip'),
            f'shows no frame from {start or 0:g} s to '
            f'{index.end if end is None else end:g} s; its picture lasts '
            f'from {index.times[0]:.2f} s to {index.end:.2f} s')
    results['start_index'] = first
    results['total_frames'] = last - first


@TRANSFORMS.register_module()
class PyAVVideoInit(Transform):
    """Open a clip and list its frames, ready for MMAction2's samplers.

    The frames are counted and timed from the file itself, not from its
    header or its frame rate, so that sampling is right for variable frame
    rates and headers that lie.

    Required Keys:

    - filename
    - start (optional): seconds
    - end (optional): seconds

    Added Keys:

    - total_frames: frames within the annotated segment
    - start_index: the first of them
    - avg_fps
    - frame_times: seconds since the file's start of **every** frame
    - frame_end: when the last frame ends, in seconds

    Args:
        timeout (float, optional): Seconds that listing or decoding one clip
            may take. Defaults to 60.
        allow_truncated (bool): Whether to take what is there of a file that
            ends well before its header says. Defaults to False, an error.

    Raises:
        MediaError: The clip cannot be read. A clip without picture, or
            whose picture only starts after the segment, is masked instead
            if the dataset says so.
    """

    def __init__(self,
                 timeout: Optional[float] = 60.0,
                 allow_truncated: bool = False) -> None:
        self.timeout = timeout
        self.allow_truncated = allow_truncated

    def transform(self, results: dict) -> dict:
        """List the frames of ``results['filename']``."""
        try:
            reader = open_media(
                results, results.get('filename'), 'video', self.timeout)
            index = frame_index(reader, self.allow_truncated)
            limit_to_segment(results, index)
            results['frame_index'] = index
        except MissingStreamError as error:
            mask_or_raise(results, 'imgs', error)
            index = FrameIndex(times=np.zeros(1), end=1.0)
            results.update(start_index=0, total_frames=1)
        results['avg_fps'] = index.fps
        results['frame_times'] = index.times
        results['frame_end'] = index.end
        return results


@TRANSFORMS.register_module()
class PyAVVideoDecode(Transform):
    """Decode the frames in ``frame_inds``, and no others.

    Every index gives the frame of that number in the order of display;
    unsorted, repeated and far apart ones are fine. Follows
    :class:`PyAVVideoInit` and one of MMAction2's samplers.

    Required Keys:

    - filename
    - frame_inds

    Added Keys:

    - imgs: list of RGB pictures, uint8 (H, W, 3)
    - original_shape
    - img_shape

    Args:
        mask_size (tuple[int]): Height and width of the black pictures that
            stand for a missing one; the transforms that follow bring it to
            the size of the others. Defaults to (256, 256).
        allow_changes (bool): Whether a clip's pictures may change their
            size: they get that of the first sampled one, and a warning
            counts them. Defaults to False, an error.
        square_pixels (bool): Whether pictures get the width that a player
            shows, where the file says that pixels are wider or narrower
            than high. Defaults to False.
        allow_damage (int): How many damaged frames a clip may have among
            those that are decoded; a warning counts them. Defaults to 0:
            any is an error.
    """

    def __init__(self,
                 mask_size: Tuple[int, int] = (256, 256),
                 allow_changes: bool = False,
                 square_pixels: bool = False,
                 allow_damage: int = 0) -> None:
        self.mask_size = tuple(mask_size)
        self.allow_changes = allow_changes
        self.square_pixels = square_pixels
        self.allow_damage = allow_damage

    def transform(self, results: dict) -> dict:
        """Put the sampled frames into ``results['imgs']``."""
        numbers = np.asarray(results['frame_inds']).reshape(-1)
        if is_masked(results, 'imgs'):
            results['imgs'] = [
                np.zeros(self.mask_size + (3, ), dtype=np.uint8)
                for _ in numbers
            ]
        else:
            if 'frame_index' not in results:
                raise KeyError(
                    f'{type(self).__name__} needs PyAVVideoInit before it')
            reader = results['media_readers'][results['filename']]
            results['imgs'] = decode_frames(
                reader, numbers.tolist(), results['frame_index'],
                self.allow_changes, self.square_pixels, self.allow_damage)
            report_tolerated(reader)
        results['original_shape'] = results['imgs'][0].shape[:2]
        results['img_shape'] = results['imgs'][0].shape[:2]
        return results


@TRANSFORMS.register_module()
class ClipSegment(Transform):
    """Keep MMAction2's own decoders within the annotated seconds.

    Goes between e.g. ``DecordInit`` and the sampler. :class:`PyAVVideoInit`
    needs no such transform.

    Required Keys:

    - total_frames
    - avg_fps
    - start (optional): seconds
    - end (optional): seconds

    Modified Keys:

    - total_frames
    - start_index
    """

    def transform(self, results: dict) -> dict:
        """Move ``start_index`` and shorten ``total_frames``."""
        if results.get('start') is None and results.get('end') is None:
            return results
        fps = results.get('avg_fps')
        if not fps:
            raise KeyError(
                'ClipSegment needs avg_fps, which the decoder before it does '
                'not give: use PyAVVideoInit or DecordInit')
        count = results['total_frames']
        limit_to_segment(
            results, FrameIndex(times=np.arange(count) / fps, end=count / fps))
        return results
