"""Frames for a cache: chosen at a rate, kept as one array."""
from typing import Optional

import numpy as np

from mmbalance_plugin.registry import TRANSFORMS

from .base import Transform


@TRANSFORMS.register_module()
class SampleAtRate(Transform):
    """Choose frames at even distances in time, the same ones always.

    For a cache: what MMAction2's ``SampleFrames`` draws from afterwards. The
    clip is divided into as many equal parts as there are frames to keep;
    the one that is shown in the middle of a part stands for it.

    Required Keys:

    - total_frames, start_index, frame_times, frame_end

    Added Keys:

    - frame_inds
    - num_clips, clip_len

    Args:
        fps (float, optional): Frames a second to keep. Defaults to None: all.
    """

    def __init__(self, fps: Optional[float] = None) -> None:
        if fps is not None and fps <= 0:
            raise ValueError(f'fps must be positive, got {fps}')
        self.fps = fps

    def transform(self, results: dict) -> dict:
        """List the frames to keep in ``results['frame_inds']``."""
        first = results['start_index']
        inds = np.arange(first, first + results['total_frames'])
        if self.fps is not None:
            edges = np.append(results['frame_times'], results['frame_end'])
            edges = edges[first:first + results['total_frames'] + 1]
            seconds = edges[-1] - edges[0]
            count = max(1, round(seconds * self.fps))
            middles = edges[0] + (np.arange(count) + .5) / count * seconds
            # A frame is shown from its time on, whatever rounding says.
            shown = np.searchsorted(edges, middles + 1e-6, side='right') - 1
            inds = inds[np.unique(shown)]
        results.update(frame_inds=inds, num_clips=len(inds), clip_len=1)
        return results


@TRANSFORMS.register_module()
class StackFrames(Transform):
    """Make the decoded frames an array that ``ArrayDecode`` samples from.

    Required Keys:

    - imgs, frame_inds, frame_times, frame_end

    Added Keys:

    - array: uint8 (T, H, W, 3)
    - frame_numbers: their numbers in the clip, for what lies beside them

    Modified Keys:

    - total_frames, start_index, avg_fps, frame_times: of the array
    """

    def transform(self, results: dict) -> dict:
        """Stack ``results['imgs']``."""
        times = np.asarray(results['frame_times'])[results['frame_inds']]
        seconds = results['frame_end'] - times[0]
        results.update(
            array=np.stack(results.pop('imgs')),
            frame_numbers=np.asarray(results['frame_inds']),
            total_frames=len(times),
            start_index=0,
            avg_fps=float(len(times) / seconds) if seconds > 0 else 0.,
            frame_times=times)
        return results
