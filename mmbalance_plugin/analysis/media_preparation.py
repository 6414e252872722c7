"""What clips cost: checking, copying, caching and loading them."""
import contextlib
import os
import time
from pathlib import Path
from statistics import median
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmbalance_plugin.datasets.prepare.media_extract import EXTRACTED
from mmbalance_plugin.datasets.prepare.run import prepare
from mmbalance_plugin.registry import DATASETS

from .benchmark import interleave
from .media_footage import Footage, write_clip, write_flow, write_wav
from .media_layouts import Parts, lay_out
from .media_profiles import Profile
from .media_throughput import (
    DatasetLoop,
    into_folder,
    wait_until_settled,
)

#: So often each clip is there where headers are read, which is so quick that
#: what a run costs in any case would count.
_REPEATED = 25


class Costs(NamedTuple):
    """What one clip costs, on average.

    Attributes:
        size (float): Bytes of its files.
        flow_size (float): Bytes of its flow pictures.
        decode (float): CPU seconds of the preparation, ``--check decode``.
        header (float): The same with ``--check header``.
        extract (float): CPU seconds of ``--extract``.
        copy_size (float): Bytes of the copy.
        load (float): CPU seconds to load a training sample.
        load_copy (float): The same from the copy.
        fill (float, optional): CPU seconds to load it and fill the cache;
            None where a set's pipeline cannot be cached.
        cache_size (float, optional): Bytes of its entries.
        load_cache (float, optional): CPU seconds to load a sample from it.
    """
    size: float
    flow_size: float
    decode: float
    header: float
    extract: float
    copy_size: float
    load: float
    load_copy: float
    fill: Optional[float]
    cache_size: Optional[float]
    load_cache: Optional[float]


def encode_clips(folder: str, profile: Profile, footage: Footage,
                 count: int) -> List[Parts]:
    """Encode clips, each starting elsewhere in the footage.

    Args:
        folder (str): A new one.
        profile (Profile): Their form.
        footage (Footage): Their content.
        count (int): How many.
    """
    clips = []
    for number in range(count):
        stem = Path(folder) / str(number)
        stem.mkdir(parents=True)
        clip = Parts(
            str(stem / f'clip{profile.suffix}'),
            str(stem / 'clip.wav') if profile.wav_rate else None,
            str(stem / 'flow') if profile.flow else None)
        write_clip(clip.video, profile, footage, number)
        if clip.audio:
            write_wav(clip.audio, profile, footage, number)
        if clip.flow:
            write_flow(clip.flow, profile, footage, number)
        clips.append(clip)
    return clips


def measure(profile: Profile, clips: Sequence[Parts], folder: str,
            configs: str, rounds: int = 2) -> Costs:
    """Prepare clips with the real code and load samples from them.

    Everything runs on one thread and from files that the system has just
    written, so that the disk does not count.

    Args:
        profile (Profile): Their form.
        clips (Sequence[Parts]): Of :func:`encode_clips`.
        folder (str): An existing one on the same disk.
        configs (str): ``configs/_base_/datasets``.
        rounds (int): How often; medians are taken. Defaults to 2.
    """
    root, count = Path(folder), len(clips)
    source, many = root / 'source', root / 'many'
    lay_out(profile.dataset, str(source), clips, count)
    lay_out(profile.dataset, str(many), clips, count * _REPEATED)
    times: Dict[str, List[float]] = dict(header=[], decode=[], extract=[])
    for number in range(rounds):
        out = root / f'out{number}'
        times['header'].append(_prepare(
            profile, many, root / f'many{number}', check='header') /
            _REPEATED)
        times['decode'].append(_prepare(profile, source, out))
        times['extract'].append(_prepare(profile, source, out, extract=True))
    loads, fill = _loads(profile, out, root / 'cache', configs, rounds)
    return Costs(
        size=sum(_size(path) for clip in clips for path in clip[:2]
                 if path) / count,
        flow_size=sum(_size(clip.flow) for clip in clips
                      if clip.flow) / count,
        copy_size=_size(out / EXTRACTED) / count,
        fill=fill,
        cache_size=_size(root / 'cache') / count if fill else None,
        **loads,
        **{name: median(found) / count for name, found in times.items()})


def _prepare(profile: Profile, source: Path, out: Path, **options) -> float:
    """CPU seconds of a preparation on one thread."""
    with open(os.devnull, 'w') as nowhere, contextlib.redirect_stdout(
            nowhere):
        return _cpu_seconds(lambda: prepare(
            profile.dataset, source, out, workers=1, accept_missing=True,
            **options))


def _cpu_seconds(work: Callable[[], None]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def _size(path: str) -> int:
    """Bytes of a file or of all files below a folder."""
    path = Path(path)
    files = [path] if path.is_file() else path.rglob('*')
    return sum(file.stat().st_size for file in files if file.is_file())


def _loads(profile: Profile, prepared: Path, cache: Path, configs: str,
           rounds: int):
    """CPU seconds a sample, and those of the epoch that fills the cache."""
    init_default_scope('mmaction')
    base = Path(configs) / f'{profile.dataset}.py'
    kept = base.with_name(f'{base.stem}_cached.py')

    def loop(config: Path, **changes) -> DatasetLoop:
        spec = dict(Config.fromfile(str(config)).train_dataloader.dataset,
                    data_root=str(prepared), split='test', **changes)
        spec['pipeline'] = into_folder(spec['pipeline'], str(cache))
        # An epoch of a real set lists the frames of most files anew.
        return DatasetLoop(DATASETS.build(spec), forget=True)

    loops = dict(load=loop(base), load_copy=loop(base, extracted=True))
    data = loops['load'].dataset
    fill = None
    if kept.is_file():
        loops['load_cache'] = loop(kept)
        wait_until_settled([data.get_data_info(number)['filename']
                            for number in range(len(data))])
        fill = _cpu_seconds(
            lambda: loops['load_cache'].advance(len(data))) / len(data)
    times = interleave(loops, 3 * rounds, len(data), warmup=len(data))
    found = dict(load_cache=None)
    found.update({name: median(cpu) for name, cpu in times.cpu.items()})
    return found, fill
