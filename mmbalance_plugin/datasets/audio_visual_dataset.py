"""Clips with sound, listed in a csv or json file."""
import logging
import os
import pickle
from collections import Counter
from itertools import chain
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from mmaction.datasets.base import BaseActionDataset
from mmaction.datasets.transforms import PackActionInputs
from mmengine.dist import get_rank
from mmengine.logging import print_log

from mmbalance_plugin.media import MediaError, MissingStreamError
from mmbalance_plugin.media.file_names import find_file, unreadable
from mmbalance_plugin.registry import DATASETS
from mmbalance_plugin.utils.choices import require_choice
from mmbalance_plugin.utils.threads import in_threads

from .av_annotation import read_annotation
from .av_labels import LabelMap
from .determinism import is_deterministic
from .header_notes import HeaderNotes
from .pairing import exchanged_within_class, sound_follows_picture
from .selection import SelectiveLoading
from .subset import positions

_POLICIES = ('error', 'skip', 'mask')
_KEYS = dict(video='filename', audio='audio_path')
_THREADS = 8  # that check files at the start
_PIECE = 128  # clips that a thread checks in one go
_SHOWN = 10  # clips named in a report
_LONG = 500  # clips whose headers take more than a few seconds to read


@DATASETS.register_module()
class AudioVisualDataset(SelectiveLoading, BaseActionDataset):
    """Clips with picture and sound for MMAction2 pipelines.

    The annotation is a csv file whose first line names its columns, or a
    json file with a list of objects that have the same names as keys (or
    ``{"metainfo": {"classes": [...]}, "data_list": [...]}``), or a txt file,
    the list that MMAction2's ``VideoDataset`` reads:

    .. code-block:: text

        path,label,start,end
        dogs/rex barks.mp4,dog,0.5,3.5
        cats/søren.mkv,cat,,

    ======= =============================================================
    path    file that holds picture and sound, or instead:
    video   file with the picture; empty where there is none
    audio   file with the sound; empty where there is none
    label   a class name or its number (with ``multi_class`` several,
            separated by ``;`` or as a json list)
    start   optional: seconds since the file's start, else 0
    end     optional: seconds since the file's start, else the end
    ======= =============================================================

    A name whose accents or slashes are spelt as on another system is found
    all the same. Further columns are kept in the sample under their name. A
    sample holds ``filename``, ``audio_path``, ``label``, ``start``, ``end``,
    ``sample_idx`` and what ``BaseActionDataset`` adds. With MMAction2's own
    decoders, put ``mmbalance_plugin.ClipSegment`` after their init where
    rows have a start or an end; the plugin's obey it by themselves.

    Args:
        ann_file (str): The csv, json or txt file.
        pipeline (list[dict | Callable]): Transforms.
        data_prefix (dict): Folders of the files: ``video``, and ``audio``
            where sound lies elsewhere. Defaults to ``dict(video='')``.
        classes (list[str] | str, optional): Class names in the order of
            their numbers, or a text file with one on each line. Defaults to
            None: ``classes`` of the json file, or ``classes.txt`` beside
            the annotation. Needed where labels are names.
        missing (str): What happens to clips that lack a stream they should
            have: ``'error'``, ``'skip'`` (they are left out, see
            :attr:`skipped`) or ``'mask'`` (an input of no rows, see
            ``PackMultimodalInputs``). docs/datasets.md has the details.
            Defaults to ``'error'``.
        streams (Sequence[str]): What a clip must have; ``('audio', )`` for
            a model that only listens. Defaults to ``('video', 'audio')``.
        pairing (str): ``'within_class'`` gives each training clip the sound
            of another clip of its class, which takes away what only the
            pairing tells, see :func:`exchanged_within_class`. The sample
            then has ``audio_start``, ``audio_end`` and ``audio_idx``, the
            ``sample_idx`` of that clip (before ``indices``). In
            ``test_mode``, or of another split than 'train', clips are left
            as they are. Defaults to ``'real'``.
        pairing_seed (int): Seed of the exchange, and of nothing else.
            Defaults to 0.
        kwargs: See ``BaseActionDataset``: ``test_mode``, ``multi_class``,
            ``num_classes``, ``data_root`` ...

    Raises:
        AnnotationError: A row is wrong; names file, line and column.
        MediaError: Files are missing (policies ``'error'`` and ``'mask'``)
            or no clip is left (``'skip'``).
        ValueError: Clips cannot be exchanged: they have several classes, or
            a class too few, or one stream, or sound that is cut where
            frames were sampled.
    """

    num_classes: Optional[int]
    #: Subclasses of several splits say which one this is.
    split = 'train'
    #: What belongs to each modality but the first, the picture.
    EXCHANGED: Dict[str, Tuple[str, ...]] = dict(audio=('audio_path', ))

    def __init__(self,
                 ann_file: str,
                 pipeline: List[Union[dict, Callable]],
                 data_prefix: Optional[dict] = None,
                 classes: Union[str, Sequence[str], None] = None,
                 missing: str = 'error',
                 streams: Sequence[str] = ('video', 'audio'),
                 pairing: str = 'real',
                 pairing_seed: int = 0,
                 **kwargs) -> None:
        require_choice('missing', missing, _POLICIES)
        require_choice('pairing', pairing, ('real', 'within_class'))
        if pairing != 'real' and sound_follows_picture(list(pipeline)):
            raise ValueError(
                "pairing='within_class': the sound is cut where frames of its "
                "own picture were sampled (window='frames'); use "
                "window='clip'")
        self.pairing, self.pairing_seed = pairing, pairing_seed
        unknown = set(streams) - set(_KEYS)
        if unknown or not streams:
            raise ValueError(
                f'streams must be among {tuple(_KEYS)}, got {streams!r}')
        self.missing = missing
        self.streams = tuple(streams)
        self.classes = classes
        #: Clips left out at the start: (path, reason).
        self.skipped: List[Tuple[str, str]] = []
        #: Class numbers that occur in the annotation.
        self.label_numbers: List[int] = []
        #: How often this process has replaced a damaged clip by another.
        self.replaced = 0
        data_prefix = dict(data_prefix or {})
        data_prefix.setdefault('video', '')
        super().__init__(
            ann_file, pipeline, data_prefix=data_prefix, **kwargs)
        if missing == 'mask' and any(
                type(t) is PackActionInputs for t in self.pipeline.transforms):
            raise ValueError(
                "missing='mask' needs mmbalance_plugin.PackMultimodalInputs "
                "at the pipeline's end: PackActionInputs would pass on what "
                'fills the gaps as if it were content')

    @property
    def deterministic(self) -> bool:
        """bool: Whether an index always gives the same sample."""
        return (is_deterministic(self.pipeline.transforms)
                and (self.test_mode or self.missing != 'skip'))

    def load_data_list(self) -> List[dict]:
        """Read the annotation and turn labels into numbers."""
        rows, names = read_annotation(self.ann_file)
        labels = LabelMap(
            self.classes or names or self._metainfo.get('classes'),
            self.ann_file, self.num_classes)
        data_list = []
        for row in rows:
            # One string for both of what is usually one file.
            video = audio = self._path('video', row.video)
            if row.audio != row.video or 'audio' in self.data_prefix:
                audio = self._path('audio', row.audio)
            info = dict(
                row.extra,
                filename=video,
                audio_path=video if audio == video else audio,
                label=labels(row, self.multi_class),
                start=row.start,
                end=row.end,
                missing=self.missing)
            data_list.append(info)
        self.label_numbers = sorted(
            set(chain.from_iterable(info['label'] for info in data_list))
            if self.multi_class else {info['label'] for info in data_list})
        if not self.multi_class:
            self._warn_of_contradictions(data_list)
        if labels.names:
            self._metainfo['classes'] = list(labels.names)
            if self.num_classes is None:
                self.num_classes = len(labels.names)
        return data_list

    def _warn_of_contradictions(self, data_list: List[dict]) -> None:
        """Say where the same clip has two labels."""
        labels: Dict[tuple, int] = {}
        found = []
        for info in data_list:
            clip = (info['filename'], info['audio_path'], info['start'],
                    info['end'])
            if labels.setdefault(clip, info['label']) != info['label']:
                found.append(info['filename'] or info['audio_path'])
        if found:
            print_log(
                f'{self.ann_file}: {len(found)} rows repeat a clip with '
                f'another label: {", ".join(found[:_SHOWN])}'
                f'{" ..." if len(found) > _SHOWN else ""}', 'current',
                level=logging.WARNING)

    def _path(self, kind: str, name: Optional[str]) -> Optional[str]:
        if not name:
            return None
        prefix = self.data_prefix.get(kind, self.data_prefix['video']) or ''
        return os.path.join(prefix, name)

    def get_cat_ids(self, idx: int) -> List[int]:
        """Return the classes of a clip, for class-aware samplers."""
        label = self.get_data_info(idx)['label']
        return label.nonzero()[:, 0].tolist() if self.multi_class else [label]

    def filter_data(self) -> List[dict]:
        """Check the files and apply the policy for missing modalities."""
        skip, count = self.missing == 'skip', len(self.data_list)
        self._headers = HeaderNotes(self.ann_file) if skip else None
        self._looked_at: Dict[str, Tuple[str, Optional[str]]] = {}
        what = (f'Reading the headers of {count} clips of {self.ann_file}'
                if skip and count >= _LONG else None)
        with in_threads(
                self._problem, self.data_list, _THREADS, _PIECE, ordered=True,
                what=what) as found:
            problems = list(found)
        if self._headers is not None:
            self._headers.save()
        del self._headers, self._looked_at
        broken = [p for p in problems if p is not None]
        if not broken:
            return self._exchanged(self.data_list)
        listed = _list_of(broken, self.data_list)
        if not skip:
            raise MediaError(self.ann_file, listed)
        self.skipped.extend((e.path, e.reason) for e in broken)
        kept = [
            info for info, problem in zip(self.data_list, problems)
            if problem is None
        ]
        if not kept:
            raise MediaError(self.ann_file, f'no clip is left: {listed}')
        print_log(
            f"{self.ann_file}: {listed}\nThey are skipped (missing='skip').",
            'current', level=logging.WARNING)
        return self._exchanged(kept)

    def _exchanged(self, clips: List[dict]) -> List[dict]:
        """Apply the pairing to the clips that will be used."""
        if (self.pairing == 'real' or self.test_mode
                or self.split != 'train'):
            return clips
        others = [m for m in self.EXCHANGED if m in self.streams
                  or m not in _KEYS]
        if self.multi_class or not others:
            raise ValueError(
                f"{self.ann_file}: pairing='within_class' needs clips of one "
                'class each and of two streams')
        chosen = np.arange(len(clips)) if self._indices is None else \
            np.unique(positions(self._indices, len(clips)))
        origin = exchanged_within_class(
            np.array([clips[i]['label'] for i in chosen]),
            ['video', *others], self.pairing_seed)
        exchanged = list(clips)
        for place, clip in enumerate(chosen):
            info = exchanged[clip] = dict(clips[clip])
            for name in others:
                source = int(chosen[origin[name][place]])
                keys = self.EXCHANGED[name]
                info.update({key: clips[source][key] for key in keys})
                info[f'{name}_idx'] = source
                info.update({f'{name}_{key}': clips[source][key]
                             for key in ('start', 'end')})
        return exchanged

    def _problem(self, info: dict) -> Optional[MediaError]:
        """What keeps a clip from being used, or None."""
        files: Dict[str, List[str]] = {}
        for stream in self.streams:
            path = info[_KEYS[stream]]
            if path is not None:
                files.setdefault(path, []).append(stream)
            elif self.missing != 'mask':
                return MissingStreamError(
                    info['filename'] or info['audio_path'],
                    f'its row names no {stream} file')
        for name, streams in files.items():
            path, problem = self._look_at(name)
            info.update({_KEYS[stream]: path for stream in streams})
            if problem is not None:
                return MediaError(path, problem)
            if self._headers is not None:
                try:
                    self._headers.require(path, streams)
                except MediaError as error:
                    return error
        return None

    def _look_at(self, name: str) -> Tuple[str, Optional[str]]:
        """How a file is spelt here and why it cannot be opened; once."""
        if name not in self._looked_at:
            path, problem = name, unreadable(name)
            if problem is not None:
                path = find_file(name) or name
                problem = unreadable(path)
            self._looked_at[name] = path, problem
        return self._looked_at[name]

    def _serialize_data(self) -> Tuple[np.ndarray, np.ndarray]:
        """As MMEngine does, without a second copy of it all."""
        packed, ends = bytearray(), []
        self.data_list.reverse()
        while self.data_list:
            packed += pickle.dumps(self.data_list.pop(), protocol=4)
            ends.append(len(packed))
        return np.frombuffer(packed, np.uint8), np.array(ends, np.int64)

    def prepare_data(self, idx: int) -> Optional[dict]:
        """Load a sample; None, for another one to be drawn, if skipped."""
        try:
            return super().prepare_data(idx)
        except MediaError as error:
            if self.missing != 'skip' or self.test_mode:
                raise
            self.replaced += 1
            # Of the other processes of a distributed run, MMEngine only
            # shows errors.
            print_log(
                f'replaced by another clip ({self.replaced} so far in this '
                f'process): {error}',
                'current',
                level=logging.ERROR if get_rank() else logging.WARNING)
            return None


def _list_of(problems: Sequence[MediaError], clips: Sequence[dict]) -> str:
    """Count problems by reason and name the first clips."""
    reasons = Counter(p.reason for p in problems)
    counts = ', '.join(f'{n} x "{r}"' for r, n in reasons.most_common(_SHOWN))
    lines = [f'{len(problems)} of {len(clips)} clips cannot be used: {counts}']
    lines += [f'    {problem}' for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f'    ... and {len(problems) - _SHOWN} more')
    return '\n'.join(lines)
