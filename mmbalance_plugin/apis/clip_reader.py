"""From what a caller calls a clip to what the data preprocessor takes."""
import os
from functools import cached_property
from types import MappingProxyType
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple, Union

from mmengine.config import Config
from mmengine.dataset import Compose
from torch import Tensor

from mmbalance_plugin.datasets.transforms.per_modality import (
    all_transforms,
)
from mmbalance_plugin.media import MediaError, MissingStreamError
from mmbalance_plugin.utils.choices import require_choice

from .building import default_scope
from .clip import Clip, ClipError, load_arrays, present_inputs, to_tensor

Path = Union[str, os.PathLike]
ClipSource = Union[Path, Mapping[str, Any]]

# Where the decoding transforms look for the file of what they decode.
FILE_OF = dict(imgs='filename', audios='audio_path')


def clip_name(source: ClipSource, index: int) -> str:
    """What a clip is called in results and messages; see ``read``."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    if isinstance(source, Mapping):
        paths = [
            f'{m}={os.fspath(x)}' for m, x in source.items()
            if isinstance(x, (str, os.PathLike))
        ]
        if paths:
            return ' '.join(paths)
    return f'clip {index}'


class ClipReader:
    """Reads clips for one model; see ``MultimodalInferencer`` for the kinds.

    A path that ends with ``.npz`` is a dict of arrays.

    Args:
        config (Config): For the scope of the pipeline's types.
        dataset (dict, optional): Config of the data set whose pipeline reads
            files.
        modalities (Sequence[str]): Those of the model.
        missing (str, optional): 'error' or 'mask'. Defaults to None: 'mask'
            if the data set has it, else 'error'.
    """

    def __init__(self,
                 config: Config,
                 dataset: Optional[dict],
                 modalities: Sequence[str],
                 missing: Optional[str] = None) -> None:
        self.config, self.dataset = config, dataset or {}
        self.modalities = tuple(modalities)
        if missing is None:
            stated = self.dataset.get('missing')
            missing = 'mask' if stated == 'mask' else 'error'
        require_choice('missing', missing, ('error', 'mask'))
        self.missing = missing

    def read(self, source: ClipSource, index: int) -> Clip:
        """Read one clip.

        Args:
            source (str | PathLike | Mapping): The clip.
            index (int): Its number, which names a clip without a path.

        Returns:
            Clip: With at least one modality.

        Raises:
            ClipError: It is none of the kinds, has a modality that the
                model does not have, or lacks one it needs.
            MediaError: A file is absent or damaged.
        """
        name = clip_name(source, index)
        if isinstance(source, (str, os.PathLike)):
            if name.endswith('.npz'):
                return self._from_arrays(name, load_arrays(name))
            return self._from_files(name, dict.fromkeys(self.modalities, name))
        if not isinstance(source, Mapping) or not source:
            raise ClipError(
                f'{name} is a {type(source).__name__}; give a path, or '
                f'a dict of paths or of arrays by modality '
                f'{list(self.modalities)}')
        if isinstance(source.get('inputs'), Mapping):
            return self._from_arrays(name, present_inputs(source))
        paths = {
            m: os.fspath(x)
            for m, x in source.items() if isinstance(x, (str, os.PathLike))
        }
        if not paths:
            return self._from_arrays(name, source)
        if len(paths) < len(source):
            raise ClipError(
                f'{name}: the other modalities are arrays; a clip is either '
                'read from files or given as arrays')
        beside = {k: paths.pop(k) for k in self._path_keys if k in paths}
        self._check_known(name, paths)
        return self._from_files(name, paths, beside)

    def _from_arrays(self, name: str, arrays: Mapping[str, Any]) -> Clip:
        self._check_known(name, arrays)
        inputs = {m: to_tensor(name, m, x) for m, x in arrays.items()}
        if self.missing == 'mask':
            # As OwnArraysDataset has it: nothing but NaN is nothing.
            inputs = {m: x for m, x in inputs.items() if not x.isnan().all()}
        return self._clip(name, inputs)

    def _from_files(self, name: str, paths: Mapping[str, str],
                    beside: Mapping[str, str] = MappingProxyType({})) -> Clip:
        for path in (*paths.values(), *beside.values()):
            if not os.path.exists(path):
                raise MediaError(path, 'no such file')
        results = dict(
            self._file_keys(name, paths),
            **beside,
            label=-1,
            start_index=0,
            modality=self.dataset.get('modality', 'RGB'),
            test_mode=True)
        if self.missing == 'mask':
            results['missing'] = 'mask'
        try:
            packed = self._pipeline(results)
        except MissingStreamError as error:
            raise self._lacks(name, str(error)) from error
        except MediaError:
            raise
        except KeyError as error:
            raise ClipError(
                f'{name}: the test pipeline of the config needs {error}, '
                'which a file alone does not give; ' + self._ways_out()
            ) from error
        except Exception as error:
            raise ClipError(
                f'{name}: the test pipeline of the config fails with '
                f'{type(error).__name__}: {error}') from error
        return self._from_arrays(name, present_inputs(packed))

    def _file_keys(self, name: str, paths: Mapping[str, str]) -> dict:
        """The keys under which the pipeline finds the files."""
        if not self.dataset:
            raise ClipError(
                f'{name}: the config has no test_dataloader or '
                'val_dataloader whose pipeline could read files; give arrays')
        single = len(set(paths.values())) == 1 and set(paths) == set(
            self.modalities)
        if single:
            path = next(iter(paths.values()))
            return dict.fromkeys(FILE_OF.values(), path)
        packed_from = getattr(self._pipeline.transforms[-1], 'inputs', None)
        keys = dict.fromkeys(FILE_OF.values())
        for m, path in paths.items():
            key = FILE_OF.get((packed_from or {}).get(m, m))
            if key is None:
                raise ClipError(
                    f"{name}: it is not known how the pipeline finds a file "
                    f"of '{m}' alone (PackMultimodalInputs tells for 'imgs' "
                    "and 'audios'); give one file for all, or arrays")
            keys[key] = path
        return keys

    def _ways_out(self) -> str:
        ways = ['pass an item of the data set', 'one array a modality (.npz)']
        if self._path_keys:
            ways[:0] = ['name it, as in ' + ' '.join(
                f'{key}=PATH' for key in self._path_keys)]
        return ', or '.join(ways)

    @cached_property
    def _path_keys(self) -> Tuple[str, ...]:
        """Keys of further paths that the pipeline's transforms take."""
        if not self.dataset:
            return ()
        return tuple(
            key for transform in all_transforms(self._pipeline.transforms)
            for key in getattr(transform, 'path_keys', ()))

    @cached_property
    def _pipeline(self) -> Compose:
        # Only built for files: arrays need none of what decodes them.
        with default_scope(self.config):
            return Compose(self.dataset['pipeline'])

    def _clip(self, name: str, inputs: Dict[str, Tensor]) -> Clip:
        absent = [m for m in self.modalities if m not in inputs]
        if absent and (self.missing == 'error' or not inputs):
            raise self._lacks(name, f'{name} has no {absent}')
        return Clip(name, {m: inputs[m] for m in self.modalities
                           if m in inputs})

    def _lacks(self, name: str, problem: str) -> ClipError:
        return ClipError(
            f"{problem}; the model needs {list(self.modalities)}. With "
            "missing='mask' (tools/infer.py --missing mask) it predicts from "
            'the modalities that are there')

    def _check_known(self, name: str, given: Mapping[str, Any]) -> None:
        unknown = [m for m in given if m not in self.modalities]
        if unknown:
            raise ClipError(f'{name} has {unknown}, but the modalities of '
                            f'the model are {list(self.modalities)}')
