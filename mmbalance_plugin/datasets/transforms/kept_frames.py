"""Frames for a cache: chosen at a rate, kept as one array."""
from typing import Optional

import numpy as np
from mmcv.transforms import BaseTransform

from mmbalance_plugin.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SampleAtRate(BaseTransform):
    """Choose frames at even distances in time, the same ones always.

    For a cache: what MMAction2's ``SampleFrames`` draws from afterwards.

    Required Keys:

    - total_frames, start_index, frame_times

    Added Keys:

    - frame_inds
    - num_clips, clip_len

    Args:
        fps (float, optional): Frames a second to keep. Defaults to None: all.
    """

    deterministic = True

    def __init__(self, fps: Optional[float] = None) -> None:
        if fps is not None and fps <= 0:
            raise ValueError(f'fps must be positive, got {fps}')
        self.fps = fps

    def transform(self, results: dict) -> dict:
        """List the frames to keep in ``results['frame_inds']``."""
        first = results['start_index']
        inds = np.arange(first, first + results['total_frames'])
        if self.fps is not None:
            times = np.asarray(results['frame_times'])[inds]
            slots = np.floor((times - times[0]) * self.fps + 1e-6)
            inds = inds[np.unique(slots, return_index=True)[1]]
        results.update(frame_inds=inds, num_clips=len(inds), clip_len=1)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(fps={self.fps})'


@TRANSFORMS.register_module()
class StackFrames(BaseTransform):
    """Make the decoded frames an array that ``ArrayDecode`` samples from.

    Required Keys:

    - imgs, frame_inds, frame_times, frame_end

    Added Keys:

    - array: uint8 (T, H, W, 3)

    Modified Keys:

    - total_frames, start_index, avg_fps, frame_times: of the array
    """

    deterministic = True

    def transform(self, results: dict) -> dict:
        """Stack ``results['imgs']``."""
        times = np.asarray(results['frame_times'])[results['frame_inds']]
        seconds = results['frame_end'] - times[0]
        results.update(
            array=np.stack(results.pop('imgs')),
            total_frames=len(times),
            start_index=0,
            avg_fps=float(len(times) / seconds) if seconds > 0 else 0.,
            frame_times=times)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
