"""Sound by PyAV, in the window the picture is sampled from."""
from typing import List, Optional, Tuple

import numpy as np

from mmbalance_plugin.media import MissingStreamError, decode_audio, fit_length
from mmbalance_plugin.registry import TRANSFORMS
from mmbalance_plugin.utils.choices import require_choice

from .base import Transform
from .media_results import (
    is_masked,
    mask_or_raise,
    open_media,
    report_tolerated,
)

Window = Tuple[float, Optional[float]]


@TRANSFORMS.register_module()
class PyAVAudioDecode(Transform):
    """Decode a clip's sound: mono, float32, at one sample rate.

    Reads whatever PyAV reads: wav, flac, mp3, mp4, mkv, avi, flv ... Sound
    and picture share the file's clock, so that sound which starts late has
    silence before it. Two files are each counted from their own start.

    Required Keys:

    - audio_path, or filename where the dataset gives no such key
    - start, end (optional): seconds; of another clip's sound audio_start
      and audio_end
    - frame_inds and frame_times or avg_fps (for ``window='frames'``)

    Added Keys:

    - audios: np.ndarray float32 (n, ), or (num_clips, n) with ``per_clip``
    - sample_rate

    Args:
        sample_rate (int): Samples per second. Defaults to 22050.
        duration (float, optional): Seconds of sound to return. Defaults to
            None: the whole window.
        window (str): ``'clip'``: the annotated segment, or all there is.
            ``'frames'``: from the first sampled frame to the end of the
            last one; with ``duration`` that much around their middle, moved
            to lie within the clip. Defaults to ``'clip'``.
        crop (str): Which part of a window longer than ``duration`` is taken
            with ``window='clip'``: ``'start'``, ``'center'`` or ``'random'``
            (numpy's global generator, as in MMAction2's crops). Defaults to
            ``'start'``.
        pad (str): What fills a window that is longer than the sound:
            ``'repeat'``, ``'zero'`` or ``'none'`` (it stays shorter). See
            :func:`~mmbalance_plugin.media.fit_length`. Defaults to
            ``'repeat'``.
        per_clip (bool): With ``window='frames'``, whether each of the
            sampler's ``num_clips`` gets its own window. Defaults to False.
        timeout (float, optional): Seconds that decoding may take. Defaults
            to 60.
        allow_truncated (bool): Whether to take what is there of a file that
            ends well before its header says. Defaults to False, an error.
        allow_changes (bool): Whether rate and channels may change on the
            way; a warning counts it. Defaults to False, an error.
        allow_damage (int): How many packets may fail to decode, each of
            which is silence; a warning counts them. Defaults to 0.

    Raises:
        MediaError: The sound cannot be read. A clip without sound (in the
            window) is masked instead if the dataset says so.
    """

    def __init__(self,
                 sample_rate: int = 22050,
                 duration: Optional[float] = None,
                 window: str = 'clip',
                 crop: str = 'start',
                 pad: str = 'repeat',
                 per_clip: bool = False,
                 timeout: Optional[float] = 60.0,
                 allow_truncated: bool = False,
                 allow_changes: bool = False,
                 allow_damage: int = 0) -> None:
        for name, value, known in (
            ('window', window, ('clip', 'frames')),
            ('crop', crop, ('start', 'center', 'random')),
            ('pad', pad, ('repeat', 'zero', 'none'))):
            require_choice(name, value, known)
        if duration is not None and duration <= 0:
            raise ValueError(f'duration must be positive, got {duration}')
        if per_clip and window != 'frames':
            raise ValueError("per_clip needs window='frames'")
        self.sample_rate = int(sample_rate)
        self.duration = duration
        self.window = window
        self.crop = crop
        self.pad = pad
        self.per_clip = per_clip
        self.timeout = timeout
        self.allow_truncated = allow_truncated
        self.allow_changes = allow_changes
        self.allow_damage = allow_damage

    @property
    def deterministic(self) -> bool:
        """bool: Whether nothing is drawn at random."""
        return (self.window == 'frames' or self.duration is None
                or self.crop != 'random')

    def transform(self, results: dict) -> dict:
        """Put the sound into ``results['audios']``."""
        windows = self._windows(results)
        path = results.get('audio_path', results.get('filename'))
        try:
            reader = open_media(results, path, 'audio', self.timeout)
            waves = [self._decode(reader, window) for window in windows]
        except MissingStreamError as error:
            mask_or_raise(results, 'audios', error)
            waves = [self._silence(window, error) for window in windows]
        results['audios'] = np.stack(waves) if self.per_clip else waves[0]
        results['sample_rate'] = self.sample_rate
        return results

    def _decode(self, reader, window: Window) -> np.ndarray:
        start, end = window
        wanted = self.duration if self.window == 'clip' else None
        if wanted is not None and self.crop == 'start':
            # No more is decoded than is kept.
            limit = start + wanted
            end = limit if end is None else min(end, limit)
        wave = decode_audio(
            reader, self.sample_rate, start, end, self.allow_truncated,
            self.allow_changes, self.allow_damage)
        report_tolerated(reader)
        length = self._length(window)
        if length is None:
            return wave
        spare = len(wave) - length
        if wanted is not None and spare > 0 and self.crop != 'start':
            first = spare // 2
            if self.crop == 'random':
                first = np.random.randint(spare + 1)
            wave = wave[first:]
        return fit_length(wave, length, self.pad)

    def _length(self, window: Window) -> Optional[int]:
        """Samples to return; None where the sound itself decides."""
        seconds = self.duration
        if seconds is None and window[1] is not None:
            seconds = window[1] - window[0]
        if seconds is None:
            return None
        return max(1, round(seconds * self.sample_rate))

    def _silence(self, window: Window, error) -> np.ndarray:
        length = self._length(window)
        if length is None:
            raise ValueError(
                f"{error}: missing='mask' needs a length for the zeros in its "
                'place; give PyAVAudioDecode a duration')
        return np.zeros(length, dtype=np.float32)

    def _windows(self, results: dict) -> List[Window]:
        start = results.get('audio_start', results.get('start')) or 0.
        end = results.get('audio_end', results.get('end'))
        if self.window == 'clip' or is_masked(results, 'imgs'):
            count = results.get('num_clips', 1) if self.per_clip else 1
            return [(start, end)] * count
        inds = np.asarray(results['frame_inds']).reshape(-1)
        if self.per_clip:
            groups = inds.reshape(results['num_clips'], -1)
        else:
            groups = inds[None]
        times, stop = _frame_times(results)
        end = stop if end is None else end
        return [self._around(group, times, start, end) for group in groups]

    def _around(self, inds: np.ndarray, times: np.ndarray, start: float,
                end: float) -> Window:
        """The window of some frames within the clip from start to end."""
        first, last = float(times[inds.min()]), float(times[inds.max() + 1])
        if self.duration is None:
            return max(first, 0.0), last
        begin = (first + last - self.duration) / 2
        begin = max(min(begin, end - self.duration), start)
        return begin, begin + self.duration


def _frame_times(results: dict) -> Tuple[np.ndarray, float]:
    """When each frame starts and the last one ends, and that end."""
    if 'frame_times' in results:
        end = results['frame_end']
        return np.append(results['frame_times'], end), end
    if not results.get('avg_fps'):
        raise KeyError(
            "PyAVAudioDecode(window='frames') needs frame_times or avg_fps "
            'in the results: put PyAVVideoInit or DecordInit before it')
    total = results.get('start_index', 0) + results['total_frames']
    times = np.arange(total + 1) / results['avg_fps']
    return times, float(times[-1])
