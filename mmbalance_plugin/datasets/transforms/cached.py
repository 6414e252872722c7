"""Results of a part of a pipeline, computed once and kept on disk."""
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import List, Optional, Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from mmbalance_plugin.registry import TRANSFORMS

from ..determinism import is_deterministic

#: Version of what an entry looks like.
LAYOUT = 1
_META = 'entry.json'
_SOURCES = ('filename', 'audio_path')
#: Arrays in larger files are mapped into memory.
_MAPPED_BYTES = 1 << 16


@TRANSFORMS.register_module()
class CachedTransforms(BaseTransform):
    """Run transforms once for each clip and read their results ever after.

    Wrap what is slow and always the same (decoding, resizing, spectrograms)
    and leave outside what is random, so that every epoch still sees another
    crop and other frames. An entry is a folder of ``.npy`` files, mapped
    into memory, so that only the frames that are drawn are read.

    An entry belongs to the files' paths, the annotated seconds and the
    settings of the transforms: with other settings another one is made. It
    notes size and time of change of the files; where they are others now, it
    is stale and made anew. Entries appear in one piece, so that any number
    of processes may share a folder and be killed.

    Required Keys:

    - filename and/or audio_path
    - start, end (optional)
    - what the transforms need

    Added Keys: those in ``keys``.

    Args:
        transforms (list[dict | Callable]): None of them may be random.
        keys (Sequence[str]): What to keep of the results: arrays, tensors,
            numbers. Those that are not there are left out.
        folder (str): Where to keep it.

    Raises:
        ValueError: A transform is random.

    Note:
        A clip whose modality is masked is not cached. Nothing is removed
        from the folder; delete it as a whole.
    """

    deterministic = True

    def __init__(self, transforms: List[dict], keys: Sequence[str],
                 folder: str) -> None:
        self.settings = repr(transforms)
        self.transforms = Compose(transforms)
        if not is_deterministic(self.transforms.transforms):
            raise ValueError(
                f'CachedTransforms would freeze what is random in '
                f'{self.transforms}: put it behind the cache')
        self.keys, self.folder = tuple(keys), Path(folder)
        #: How many entries this process has read and made.
        self.hits = self.misses = 0

    def transform(self, results: dict) -> Optional[dict]:
        """Add what is kept, or compute and keep it."""
        signature = self._signature(results)
        entry = self.folder / self._name(results)
        kept = _read(entry, signature)
        if kept is not None:
            self.hits += 1
            results.update(kept)
            return results
        self.misses += 1
        before = set(results.get('masked_keys', ()))
        results = self.transforms(results)
        if results is None or set(results.get('masked_keys', ())) != before:
            return results
        found = {k: results[k] for k in self.keys if k in results}
        _write(entry, signature, found)
        return results

    def _signature(self, results: dict) -> list:
        """What tells files from later ones of the same name."""
        signature = []
        for key in _SOURCES:
            path = results.get(key)
            if path and os.path.exists(path):
                status = os.stat(path)
                signature.append([key, status.st_size, status.st_mtime_ns])
        return signature

    def _name(self, results: dict) -> str:
        about = [
            LAYOUT, self.settings, self.keys,
            *(os.path.abspath(results[key]) if results.get(key) else None
              for key in _SOURCES),
            results.get('start'), results.get('end')
        ]
        name = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]
        return f'{name[:2]}/{name[2:]}'

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(transforms={self.transforms}, '
                f'keys={self.keys}, folder={str(self.folder)!r})')


def _read(entry: Path, signature: list) -> Optional[dict]:
    try:
        meta = json.loads((entry / _META).read_text())
        if meta['signature'] != signature:
            return None
        kept = dict(meta['plain'])
        for key, kind in meta['arrays'].items():
            path = entry / f'{key}.npy'
            # Mapping pays where only a part is read; what is read whole is
            # quicker without. Copy on write: flips and the like work in
            # place.
            mapped = kind == 'array' and path.stat().st_size > _MAPPED_BYTES
            array = np.load(path, mmap_mode='c' if mapped else None,
                            allow_pickle=False)
            kept[key] = torch.from_numpy(array) if kind == 'tensor' else array
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        # Absent, or damaged: made anew.
        return None
    return kept


def _write(entry: Path, signature: list, found: dict) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix='.partial-', dir=entry.parent))
    try:
        arrays, plain = {}, {}
        for key, value in found.items():
            if isinstance(value, (np.ndarray, torch.Tensor)):
                tensor = isinstance(value, torch.Tensor)
                arrays[key] = 'tensor' if tensor else 'array'
                np.save(partial / f'{key}.npy', np.asarray(value),
                        allow_pickle=False)
            else:
                plain[key] = value.item() if isinstance(
                    value, np.generic) else value
        meta = dict(signature=signature, arrays=arrays, plain=plain)
        (partial / _META).write_text(json.dumps(meta))
        if entry.exists():
            shutil.rmtree(entry, ignore_errors=True)
        os.rename(partial, entry)
    except OSError:
        # Another process was faster, and its entry is the same.
        if not entry.exists():
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


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
