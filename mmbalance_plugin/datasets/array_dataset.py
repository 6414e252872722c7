"""Data sets that fit in memory, one tensor a modality."""
import copy
from functools import cached_property
from typing import (
    Any,
    Callable,
    Dict,
    List,
    NamedTuple,
    Sequence,
    Tuple,
    Union,
)

import numpy as np
import torch
from mmengine.dataset import BaseDataset, force_full_init
from mmengine.device import get_device
from torch import Tensor

from mmbalance_plugin.utils.choices import require_choice
from mmbalance_plugin.utils.class_numbers import class_numbers, indicators
from mmbalance_plugin.utils.sample_batch import per_sample

from .array_batch import ArrayItems
from .determinism import is_deterministic
from .pairing import exchanged_within_class
from .selection import SelectiveLoading
from .subset import positions


class Arrays(NamedTuple):
    """What an :class:`ArrayDataset` holds.

    Args:
        inputs (Dict[str, Tensor]): Modality -> ``(n, ...)``.
        labels (Tensor): LongTensor ``(n, )``; zeros and ones ``(n, C)``
            where a sample has any number of labels.
        ids (Dict[str, ndarray]): Further numbers of every sample, e.g. the
            recording it was made from; ``(n, )`` each.
        owners (Dict[str, str]): Id -> the modality that it is about.
            Others are about all modalities of the sample.
        absent (Dict[str, ndarray]): Modality -> which samples lack it, bool
            ``(n, )``, whatever ``inputs`` have in their place. Those that
            are not named are there.
    """

    inputs: Dict[str, Tensor]
    labels: Tensor
    ids: Dict[str, np.ndarray] = {}
    owners: Dict[str, str] = {}
    absent: Dict[str, np.ndarray] = {}

    def take(self, index: Tensor) -> 'Arrays':
        """Select samples."""
        return self._replace(
            inputs={m: x[index] for m, x in self.inputs.items()},
            labels=self.labels[index],
            ids={k: x[index.numpy()] for k, x in self.ids.items()},
            absent={m: x[index.numpy()] for m, x in self.absent.items()})

    def exchanged(self, seed: int) -> 'Arrays':
        """Exchange pairs, see :func:`exchanged_within_class`.

        Ids follow their modality. One that is about all of them becomes the
        first modality's, and the others' are called ``<id>_<modality>``.
        """
        if self.labels.ndim > 1:
            raise ValueError("pairing='within_class' exchanges samples of one "
                             'class, but these have several labels each')
        first, *others = self.inputs
        origin = exchanged_within_class(self.labels.numpy(), [first, *others],
                                        seed)
        ids = {k: x[origin[self.owners.get(k, first)]]
               for k, x in self.ids.items()}
        ids.update({f'{k}_{m}': x[origin[m]] for k, x in self.ids.items()
                    if k not in self.owners for m in others})
        return self._replace(
            inputs={m: x[torch.from_numpy(origin[m])]
                    for m, x in self.inputs.items()},
            ids=ids,
            absent={m: x[origin[m]] for m, x in self.absent.items()})


class ArrayDataset(SelectiveLoading, BaseDataset):
    """Base of data sets whose samples are precomputed tensors.

    A subclass sets up in :meth:`load_arrays`; an item is then a view into
    these tensors, which costs next to nothing beside the pipeline. Samples
    must not be changed in place by the pipeline.

    An item before the pipeline is a dict of every needed modality's tensor
    under its name, ``needed`` (tuple[str]), ``label`` (LongTensor ``(1, )``,
    or ``(C, )`` of zeros and ones), ``sample_idx`` (int), and the sample's
    ``ids`` (int).

    With ``collate_fn=dict(type='mmbalance_plugin.collate_arrays')`` in the
    data loader and a pipeline of nothing but :class:`PackMultimodalInputs`,
    a batch is cut from the tensors as a whole, and no item is made.

    Args:
        pipeline (Sequence[dict | Callable]): Transforms, usually only
            ``PackMultimodalInputs``. Defaults to ().
        indices (int | Sequence[int], optional): Only the first so many
            samples, or those listed. Defaults to None.
        pairing (str): ``'within_class'`` exchanges the modalities of
            training samples among the samples of a class, which takes away
            what only the pairing tells and leaves each modality as it is:
            what interaction gains must shrink. Samples in ``test_mode``, or
            of another split than 'train', are left as they are. Defaults to
            ``'real'``.
        pairing_seed (int): Seed of the exchange, and of nothing else.
            Defaults to 0.
        kwargs: See MMEngine's ``BaseDataset``: ``test_mode``, ``lazy_init``
            ...

    Raises:
        ValueError: Labels are not one integer for each sample, or none of
            the metainfo's ``classes``, or not a 0 or 1 for each of them; a
            class has too few samples to exchange them.
    """

    _fully_initialized: bool
    #: Subclasses of several splits say which one this is.
    split = 'train'

    def __init__(self,
                 pipeline: Sequence[Union[dict, Callable]] = (),
                 pairing: str = 'real',
                 pairing_seed: int = 0,
                 **kwargs) -> None:
        require_choice('pairing', pairing, ('real', 'within_class'))
        self.pairing = pairing
        self.pairing_seed = pairing_seed
        kwargs.setdefault('serialize_data', False)
        super().__init__(pipeline=list(pipeline), **kwargs)

    def load_arrays(self) -> Arrays:
        """Load everything; called once."""
        raise NotImplementedError

    def full_init(self) -> None:
        """Load the arrays, unless that is done."""
        if self._fully_initialized:
            return
        self._set_arrays(self.load_arrays())
        self._fully_initialized = True
        if self._indices is not None:
            self.get_subset_(self._indices)
        if (self.pairing == 'within_class' and self.split == 'train'
                and not self.test_mode):
            self._set_arrays(self._arrays.exchanged(self.pairing_seed))

    @property
    def deterministic(self) -> bool:
        """bool: Whether an index always gives the same sample, so that
        what is computed from it may be kept."""
        return is_deterministic(self.pipeline.transforms)

    @property
    @force_full_init
    def labels(self) -> Tensor:
        """Tensor: Classes of all samples, see :class:`Arrays`."""
        return self._arrays.labels

    @property
    def multi_class(self) -> bool:
        """bool: Whether a sample has any number of labels."""
        return self.labels.ndim > 1

    @property
    @force_full_init
    def inputs(self) -> Dict[str, Tensor]:
        """Dict[str, Tensor]: All samples of every modality, before the
        pipeline."""
        return self._arrays.inputs

    @property
    @force_full_init
    def absent(self) -> Dict[str, np.ndarray]:
        """Dict[str, ndarray]: Which samples lack a modality."""
        return self._arrays.absent

    @property
    @force_full_init
    def ids(self) -> Dict[str, np.ndarray]:
        """Dict[str, ndarray]: What every sample was made from."""
        return self._arrays.ids

    @force_full_init
    def __len__(self) -> int:
        return len(self._arrays.labels)

    @force_full_init
    def get_data_info(self, idx: int) -> Dict[str, Any]:
        """Return a sample as the pipeline receives it."""
        inputs, needed = self._arrays.inputs, self.loaded
        info = {
            m: rows[idx]
            for m, rows in self._rows.items()
            if m in needed or m not in inputs
        }
        info['needed'] = needed
        info['sample_idx'] = idx if idx >= 0 else len(self) + idx
        return info

    def __getitems__(self, indices: Sequence[int]) -> ArrayItems:
        """What PyTorch's data loaders ask for; nothing is made yet."""
        return ArrayItems(self, indices)

    @property
    @force_full_init
    def loaded(self) -> Tuple[str, ...]:
        """tuple[str]: Modalities that an item has."""
        inputs = self._arrays.inputs
        return tuple(
            m for m in inputs if self.needed is None or m in self.needed)

    @cached_property
    def resident_inputs(self) -> Dict[str, Tensor]:
        """Dict[str, Tensor]: The same on the model's device, moved once."""
        return {m: x.to(get_device()) for m, x in self.inputs.items()}

    @cached_property
    def _rows(self) -> Dict[str, list]:
        # Lists of views, made once: indexing a tensor costs several
        # microseconds, indexing a list none.
        arrays = self._arrays
        rows = {m: list(x) for m, x in arrays.inputs.items()}
        rows['label'] = list(per_sample(arrays.labels))
        rows.update({k: x.tolist() for k, x in arrays.ids.items()})
        if arrays.absent:
            rows['masked_keys'] = [
                {m for m, gap in zip(arrays.absent, gaps) if gap}
                for gaps in zip(*arrays.absent.values())]
        return rows

    def get_cat_ids(self, idx: int) -> List[int]:
        """Return the classes of a sample, for class-aware samplers."""
        label = self.labels[idx]
        return label.nonzero()[:, 0].tolist() if label.ndim else [int(label)]

    def get_subset_(self, indices: Union[int, Sequence[int]]) -> None:
        """Keep only some samples, in place.

        Args:
            indices (int | Sequence[int]): See :func:`positions`.

        Raises:
            TypeError: ``indices`` are neither a number nor positions.
            IndexError: There are fewer samples.
        """
        index = torch.from_numpy(positions(indices, len(self)))
        self._set_arrays(self._arrays.take(index))

    def get_subset(self, indices: Union[int, Sequence[int]]) -> 'ArrayDataset':
        """Return a copy with only some samples; see :meth:`get_subset_`."""
        subset = copy.copy(self)
        subset.full_init()
        subset.get_subset_(indices)
        return subset

    def _check_labels(self, arrays: Arrays) -> None:
        """Labels are taken for class numbers from here on."""
        owner = f'labels of {type(self).__name__}'
        classes = self.metainfo.get('classes')
        count = None if classes is None else len(classes)
        labels, ndim = arrays.labels, arrays.labels.ndim
        if ndim == 2:
            indicators(labels, owner)
        else:
            class_numbers(labels, owner, count)
        sizes = {m: len(x) for m, x in arrays.inputs.items()}
        if ndim not in (1, 2) or set(sizes.values()) - {len(labels)} or (
                ndim == 2 and count not in (None, labels.shape[1])):
            raise ValueError(
                f'{owner} must be one for each sample, or a 0 or 1 for each '
                f'of the classes, but have shape {tuple(labels.shape)} for '
                f'samples {sizes} and {count} classes')

    def _set_arrays(self, arrays: Arrays) -> None:
        self._check_labels(arrays)
        self._arrays = arrays
        for derived in ('_rows', 'resident_inputs'):
            self.__dict__.pop(derived, None)
