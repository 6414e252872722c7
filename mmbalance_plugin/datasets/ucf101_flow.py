"""Optical flow beside the frames it belongs to."""
import os
from typing import List, Tuple

import cv2
import numpy as np

from mmbalance_plugin.media import MediaError
from mmbalance_plugin.registry import TRANSFORMS

from .prepare.media_pictures import (
    PicturesError,
    list_pictures,
    numbering,
    read_picture,
)
from .transforms.base import Transform


@TRANSFORMS.register_module()
class FlowDecode(Transform):
    """Read the flow around each sampled frame, as part of its pictures.

    Stacks of ``length`` flow pictures are put behind the frames in
    ``imgs``, as pictures of two channels and of the frames' size, so that
    MMAction2's crops and flips treat both alike. :class:`SplitFlow` takes
    them apart again; what is between the two must keep the pictures a list.

    Required Keys:

    - imgs: the decoded frames
    - frame_inds
    - frame_numbers (optional): of frames out of a cache, in the clip
    - flow_u, flow_v: folders of grey pictures
    - flow_frames, flow_names (optional): how many there are, and a format
      that makes a name of a number from 1; looked up where absent

    Added Keys:

    - num_frames: how many of ``imgs`` are frames
    - flow_length: ``length``
    - img_shape: that of ``imgs``

    Args:
        length (int): Flow pictures for a frame, centred on it. Defaults to
            5.

    Raises:
        MediaError: A picture is missing or cannot be read.
    """

    #: Keys of paths that come with a sample; the inferencer takes them.
    path_keys = ('flow_u', 'flow_v')

    def __init__(self, length: int = 5) -> None:
        if length < 1:
            raise ValueError(f'length must be positive, got {length}')
        self.length = length

    def transform(self, results: dict) -> dict:
        """Put the flow behind the frames, or in their place if nobody has
        decoded any."""
        frames = results.get('imgs', [])
        shape = frames[0].shape[:2] if len(frames) else None
        if 'flow_names' in results:
            count, names = results['flow_frames'], results['flow_names']
        else:
            count, names = _look_up(results['flow_u'])
        flows: List[np.ndarray] = []
        numbers = np.asarray(results['frame_inds']).reshape(-1)
        if 'frame_numbers' in results:
            numbers = results['frame_numbers'][numbers]
        for number in numbers:
            first = int(number) - self.length // 2
            for index in range(first, first + self.length):
                # At the ends of a clip, the nearest there is.
                index = min(max(index, 0), count - 1)
                name = names.format(index + 1)
                flow = np.stack([
                    read_picture(os.path.join(results[key], name))
                    for key in ('flow_u', 'flow_v')
                ], axis=-1)
                shape = shape or flow.shape[:2]
                if flow.shape[:2] != shape:
                    flow = cv2.resize(flow, shape[::-1])
                flows.append(flow)
        results['num_frames'] = len(frames)
        results['flow_length'] = self.length
        results['imgs'] = list(frames) + flows
        results['img_shape'] = shape
        return results


def _look_up(folder: str) -> Tuple[int, str]:
    """How many pictures a folder holds, and how they are called."""
    try:
        pictures = list(list_pictures(folder))
        return len(pictures), numbering(pictures)
    except OSError as error:
        raise MediaError(folder, f'cannot be read: {error.strerror}'
                         ) from error
    except PicturesError as error:
        raise MediaError(folder, str(error)) from error


@TRANSFORMS.register_module()
class SplitFlow(Transform):
    """Take frames and flow apart and shape both for 2D backbones.

    In a mirrored clip everything moves the other way, so that its
    horizontal flow is inverted.

    Required Keys:

    - imgs: list of frames (H, W, 3) and flow (H, W, 2)
    - num_frames, flow_length
    - flip (optional), flip_direction (optional)

    Modified Keys:

    - imgs: np.ndarray (N, 3, H, W)

    Added Keys:

    - flows: np.ndarray (N, 2 * flow_length, H, W), u and v alternating
    """

    def transform(self, results: dict) -> dict:
        """Replace the list by arrays of what there is."""
        imgs, length = results['imgs'], results.get('flow_length', 0)
        count = results['num_frames'] if length else len(imgs)
        if count:
            frames = np.stack(imgs[:count])
            results['imgs'] = np.ascontiguousarray(
                frames.transpose(0, 3, 1, 2))
        if not length:
            return results
        flows = np.stack(imgs[count:])
        if results.get('flip') and results.get(
                'flip_direction', 'horizontal') == 'horizontal':
            flows[..., 0] = 255 - flows[..., 0]
        height, width = flows.shape[1:3]
        flows = flows.reshape(-1, length, height, width, 2)
        results['flows'] = np.ascontiguousarray(
            flows.transpose(0, 1, 4, 2, 3)).reshape(
                -1, length * 2, height, width)
        return results
