"""How fast a cache is read from the disk, beside reading the same bytes."""
import os
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from mmbalance_plugin.datasets.cache import file_state
from mmbalance_plugin.registry import TRANSFORMS

_KEYS = ('array', 'total_frames', 'start_index')
_DRAWN = 3  # frames a clip


class Reading(NamedTuple):
    """One pass over all entries.

    Attributes:
        seconds (float): By the clock.
        bytes_read (int): That came from the disk.
    """
    seconds: float
    bytes_read: int


@TRANSFORMS.register_module()
class NoiseFrames(BaseTransform):
    """Frames of noise in the place of a clip's.

    Args:
        shape (Sequence[int]): Frames, height, width and channels.
    """

    deterministic = True

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = tuple(shape)

    def transform(self, results: dict) -> dict:
        """Make ``results['array']`` of the file's number."""
        number = Path(results['filename']).read_text('ascii')
        rng = np.random.default_rng(int(number))
        results.update(
            array=rng.integers(0, 256, self.shape, np.uint8),
            total_frames=self.shape[0], start_index=0)
        return results


class ColdCache:
    """A cache of noise, and two ways to read three frames of each clip.

    Args:
        folder (str): An existing one, on the disk in question.
        clips (int): Number of entries.
        shape (tuple[int]): Frames, height, width and channels of each.
    """

    def __init__(self, folder: str, clips: int,
                 shape: Tuple[int, int, int, int]) -> None:
        init_default_scope('mmaction')
        self.shape, self.clips = shape, []
        for number in range(clips):
            path = Path(folder) / f'{number}.txt'
            path.write_text(f'{number}')
            self.clips.append(str(path))
        cache = dict(
            type='mmbalance_plugin.CachedTransforms', keys=_KEYS,
            folder=f'{folder}/cache', transforms=[
                dict(type='mmbalance_plugin.NoiseFrames', shape=shape)])
        sample = dict(type='SampleFrames', clip_len=1, num_clips=_DRAWN)
        self.pipeline = Compose([cache, sample, dict(type='ArrayDecode')])
        # Else nothing is cached.
        time.sleep(max(0, file_state.SETTLED) / 1e9 + .01)
        self.through_the_cache()
        os.sync()
        size = int(np.prod(shape))
        self.entries: List[str] = [
            str(path) for path in Path(folder).rglob('cache/*/*/*')
            if path.stat().st_size > size]

    def forget(self) -> None:
        """Let the system drop the entries from memory."""
        for path in self.entries:
            file = os.open(path, os.O_RDONLY)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)

    def through_the_cache(self) -> None:
        """Draw frames as in training and look at all their pixels."""
        for path in self.clips:
            for picture in self.pipeline(
                    dict(filename=path, modality='RGB'))['imgs']:
                picture.max()

    def bare(self) -> None:
        """Read frames by their place in the file, and do the same."""
        size = int(np.prod(self.shape[1:]))
        for path in self.entries:
            begin = os.path.getsize(path) - size * self.shape[0]
            file = os.open(path, os.O_RDONLY)
            for place in np.sort(np.random.choice(self.shape[0], _DRAWN)):
                data = os.pread(file, size, begin + size * int(place))
                np.frombuffer(data, np.uint8).max()
            os.close(file)

    def measure(self, rounds: int) -> Dict[str, List[Reading]]:
        """Read all entries from the disk, in turns.

        Args:
            rounds (int): Passes of each way.

        Returns:
            dict[str, list[Reading]]: For ``'cache'`` and ``'bare reads'``.
        """
        ways = {'cache': self.through_the_cache, 'bare reads': self.bare}
        found: Dict[str, List[Reading]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, read in ways.items():
                self.forget()
                before, begin = _bytes_read(), time.perf_counter()
                read()
                found[way].append(Reading(time.perf_counter() - begin,
                                          _bytes_read() - before))
        return found


def _bytes_read() -> int:
    """Bytes that this process made the disk deliver."""
    for line in Path('/proc/self/io').read_text('ascii').splitlines():
        key, value = line.split(':')
        if key == 'read_bytes':
            return int(value)
    raise OSError('/proc/self/io does not count bytes')
