"""Arrays of one's own, a file each."""
import warnings
from pathlib import Path
from typing import Any, Optional, Sequence

import numpy as np
import torch

from mmbalance_plugin.registry import DATASETS
from mmbalance_plugin.utils.choices import require_choice
from mmbalance_plugin.utils.pointers import pointer_file

from .array_dataset import ArrayDataset, Arrays
from .prepared_array_dataset import SPLITS, circular_folds


@DATASETS.register_module()
class OwnArraysDataset(ArrayDataset):
    """A split of arrays that lie in a folder of .npy files, or in one .npz.

    Every array has a row for each sample: one of each modality (n, ...), of
    any shape; ``label``, names or numbers of classes (n, ), or zeros and ones
    (n, C) of several labels; and either ``split`` (n, ), 'train', 'val' or
    'test', or ``group`` (n, ), the person, place or recording: these are
    dealt into folds that have the classes as alike as can be, and nobody is
    in two splits. A sample's ``ids`` are ``row``, its number in the files,
    and the ``group``'s.

    Args:
        data_root (str): The folder, or the .npz file.
        modalities (Sequence[str]): Names of the modalities' arrays.
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        fold (int, optional): Which of the folds tests; the next one
            validates, the others train. Defaults to None: ``split`` is read.
        folds (int): How many there are. Defaults to 5.
        missing (str): What a row of nothing but NaN is: an 'error', or, with
            'mask', a modality that the sample lacks. Defaults to 'error'.
        kwargs: See :class:`ArrayDataset`. Without ``classes`` in
            ``metainfo``, classes of names are these in alphabetical order.

    Raises:
        ValueError: An array is missing, damaged, of another length, or holds
            what its place has no use for; names the file.
    """

    def __init__(self,
                 data_root: str,
                 modalities: Sequence[str],
                 split: str = 'train',
                 fold: Optional[int] = None,
                 folds: int = 5,
                 missing: str = 'error',
                 **kwargs) -> None:
        require_choice('split', split, SPLITS)
        require_choice('missing', missing, ('error', 'mask'))
        if fold is not None:
            require_choice('fold', fold, range(folds))
        if isinstance(modalities, str) or not modalities:
            raise ValueError('modalities must be a list of the names of '
                             f'arrays, but got {modalities!r}')
        self.split, self.modalities = split, tuple(modalities)
        self.fold, self.folds, self.missing = fold, folds, missing
        super().__init__(data_root=data_root, **kwargs)

    def load_arrays(self) -> Arrays:
        """Read the files, and take the split's rows."""
        labels = self._numbers(self._read('label'))
        ids = dict(row=np.arange(len(labels)))
        if self.fold is None:
            splits = self._read('split', len(labels)).astype(str)
            for value in set(splits.tolist()):
                require_choice(f'a row of {self._file("split")}', value,
                               SPLITS)
            own = np.flatnonzero(splits == self.split)
        else:
            ids['group'] = np.unique(
                self._read('group', len(labels)), return_inverse=True)[1]
            own = circular_folds(self._dealt(labels, ids['group']),
                                 self.fold)[self.split]
        if not len(own):
            raise ValueError(f'{self._file("split")}: no row is '
                             f'"{self.split}"')
        inputs, absent = {}, {}
        for name in self.modalities:
            rows = self._read(name, len(labels))
            if rows.dtype.kind not in 'fiub':
                raise ValueError(f'{self._file(name)} must hold numbers, not '
                                 f'{rows.dtype}')
            if rows.dtype.kind == 'f':
                gaps = self._gaps(name, rows)
                if gaps.any():
                    absent[name] = gaps[own]
                rows = rows.astype(np.float32)
            native = rows.dtype.newbyteorder('=')
            inputs[name] = torch.from_numpy(rows[own].astype(native))
        return Arrays(inputs, torch.from_numpy(labels[own]),
                      {key: x[own] for key, x in ids.items()}, absent=absent)

    def _file(self, name: str) -> str:
        root = str(self.data_root)
        return (f'"{name}" of {root}' if root.endswith('.npz') else
                str(Path(root, f'{name}.npy')))

    def _read(self, name: str, count: Optional[int] = None) -> np.ndarray:
        packed = str(self.data_root).endswith('.npz')
        path = Path(self.data_root, *([] if packed else [f'{name}.npy']))
        problem = pointer_file(path)
        there = [] if packed else sorted(
            file.stem for file in Path(self.data_root).glob('*.npy'))
        try:
            found: Any = np.load(path, allow_pickle=False)
            if packed:
                there = sorted(found.files)
                found = found[name]
        except (KeyError, FileNotFoundError, NotADirectoryError):
            problem = problem or f'does not exist; there are {there}'
        except Exception as error:
            # NumPy has many for damaged files.
            problem = problem or (
                f'cannot be read: {error} (save plain numbers or text, no '
                'Python objects)')
        if problem:
            raise ValueError(f'{self._file(name)} {problem}')
        if count not in (None, len(found)):
            raise ValueError(
                f'{self._file(name)} has {len(found)} rows, but '
                f'{self._file("label")} has {count}: give a row for each '
                'sample')
        return found

    def _numbers(self, labels: np.ndarray) -> np.ndarray:
        """Classes by number; names become the metainfo's ``classes``."""
        if labels.dtype.kind not in 'US':
            return labels
        labels = labels.astype(str)
        classes = list(map(str, self._metainfo.setdefault(
            'classes', sorted(set(labels.tolist())))))
        for row, label in enumerate(labels.tolist()):
            if label not in classes:
                raise ValueError(f'{self._file("label")}, row {row}: '
                                 f'"{label}" is none of the classes {classes}')
        return np.array([classes.index(x) for x in labels.tolist()])

    def _dealt(self, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """The fold that each sample tests in."""
        from sklearn.model_selection import StratifiedGroupKFold
        count = groups.max() + 1
        if not 3 <= self.folds <= count:
            raise ValueError(
                f'{self._file("group")} has {count} groups, which cannot be '
                f'dealt into folds={self.folds}: give 3 to {count}')
        if labels.ndim > 1:  # samples with the same labels are a kind
            labels = np.unique(labels, axis=0, return_inverse=True)[1]
        deal = StratifiedGroupKFold(self.folds, shuffle=True, random_state=0)
        pieces = np.zeros(len(labels), int)
        with warnings.catch_warnings():
            # Of classes that have fewer samples than there are folds.
            warnings.simplefilter('ignore', UserWarning)
            for piece, (_, rows) in enumerate(
                    deal.split(groups, labels.reshape(-1), groups)):
                pieces[rows] = piece
        return pieces

    def _gaps(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Which rows stand for nothing, and that all others are numbers."""
        wrong = ~np.isfinite(rows).reshape(len(rows), -1).all(1)
        gaps = np.zeros(len(rows), bool)
        if self.missing == 'mask':
            gaps = np.isnan(rows).reshape(len(rows), -1).all(1)
            wrong &= ~gaps
        if wrong.any():
            raise ValueError(
                f'{self._file(name)}, row {wrong.argmax()}, holds NaN or '
                f'infinity, as do {wrong.sum() - 1} more; with missing='
                "'mask' a row of nothing but NaN is a sample that lacks "
                'the modality')
        return gaps
