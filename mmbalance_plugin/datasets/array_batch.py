"""From samples that lie in memory to a batch, without an object for each."""
from collections.abc import Sequence as AnySequence
from functools import cached_property
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch
from mmengine.dataset import pseudo_collate

from mmbalance_plugin.registry import FUNCTIONS
from mmbalance_plugin.utils.sample_batch import SampleBatch
from mmbalance_plugin.utils.transfer import to_device

from .transforms.packing import PackMultimodalInputs

# Who makes an item of an index, and where that is only the pipeline.
_ITEM = ('__getitem__', 'prepare_data', 'get_data_info')
_PLAIN = ('mmbalance_plugin.datasets.array_dataset',
          'mmengine.dataset.base_dataset')


class ArrayItems(AnySequence):
    """Items of an :class:`ArrayDataset`, made when one is asked for.

    Args:
        dataset (ArrayDataset): Whose items they are.
        indices (Sequence[int]): Which ones.
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    @cached_property
    def _items(self) -> List[Any]:
        return [self.dataset[index] for index in self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        return self._items[index]

    def packed(self, resident: bool = False) -> Optional[Dict[str, Any]]:
        """All items as one batch, cut from the data set's tensors.

        Args:
            resident (bool): See :func:`collate_arrays`. Defaults to False.

        Returns:
            dict | None: ``inputs`` {modality: (B, ...)} and ``data_samples``,
            a :class:`SampleBatch`; None where the pipeline does more than
            pack.
        """
        dataset = self.dataset
        packing = _plain_packing(dataset)
        if packing is None or min(self.indices) < 0:
            return None
        rows = np.asarray(self.indices)
        index = torch.from_numpy(rows)
        arrays, loaded, where = dataset.inputs, dataset.loaded, index
        if resident:
            arrays = dataset.resident_inputs
            where = to_device(index, next(iter(arrays.values())).device)
        inputs = {
            m: arrays[m].index_select(0, where)
            for m in packing.inputs if m in loaded
        }
        metainfo: Dict[str, Any] = {}
        for key in packing.meta_keys:
            if key == 'sample_idx':
                metainfo[key] = index
            elif key == 'modality_mask':
                metainfo[key] = [dict.fromkeys(inputs, True)] * len(rows)
            elif key in dataset.ids:
                metainfo[key] = dataset.ids[key][rows]
        labels = dataset.labels.index_select(0, index)
        return dict(inputs=inputs, data_samples=SampleBatch(labels, metainfo))


def _plain_packing(dataset: Any) -> Optional[PackMultimodalInputs]:
    """The packing of a data set whose items are packed and nothing else."""
    transforms = dataset.pipeline.transforms
    if len(transforms) != 1 or type(transforms[0]) is not PackMultimodalInputs:
        return None
    packing, inputs = transforms[0], dataset.inputs
    plain = (
        all(m == key for m, key in packing.inputs.items())
        and not packing.algorithm_keys and not packing.drop
        and not dataset.absent
        and not {'label', 'needed', *inputs}.intersection(packing.meta_keys)
        and all(getattr(dataset, m).__module__ in _PLAIN for m in _ITEM))
    return packing if plain else None


@FUNCTIONS.register_module()
def collate_arrays(items: Sequence,
                   resident: bool = False) -> Dict[str, Any]:
    """Collate samples of an :class:`ArrayDataset` in one piece.

    Where its pipeline does nothing but pack, inputs are stacked by one
    selection per modality, and the samples are a :class:`SampleBatch`. Any
    other samples are collated by MMEngine's ``pseudo_collate``. The model is
    given the same numbers either way.

    Args:
        items (Sequence): Samples, as a data loader hands them over.
        resident (bool): Cut the batch from a copy of all inputs that lies
            where MMEngine puts the model, on a card if there is one, so
            that nothing but the choice of samples is sent there in a step.
            On a CPU nothing changes. A loader with workers cannot reach the
            card; such inputs are not looked at for NaN. Defaults to False.

    Returns:
        dict: ``inputs`` and ``data_samples``.

    Examples:
        >>> train_dataloader = dict(
        >>>     batch_size=64,
        >>>     collate_fn=dict(type='mmbalance_plugin.collate_arrays'))
    """
    batch = items.packed(resident) if isinstance(items, ArrayItems) else None
    return pseudo_collate(items) if batch is None else batch
