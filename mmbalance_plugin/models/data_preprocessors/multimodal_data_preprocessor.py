"""Preprocessing of a batch, modality by modality, with checks."""
import math
from typing import Dict, List, Optional, Sequence, Tuple

import torch
from mmaction.models.data_preprocessors import MultiModalDataPreprocessor
from torch import Tensor

from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.eager import eager
from mmbalance_plugin.utils.sample_batch import name_of
from mmbalance_plugin.utils.transfer import stack_for, to_device

from ..modalities import check_modality_names
from ..presence import Presence
from .stack_preprocessor import StackPreprocessor


@MODELS.register_module()
class MultimodalDataPreprocessor(MultiModalDataPreprocessor):
    """MMAction2's multi-modal preprocessor that checks what it is given.

    A modality that is missing or that nobody asked for, samples of unequal
    shapes (MMAction2 would pad them with zeros) and values that are not
    finite are errors that name the modality and the sample.

    A sample that lacks a modality has an input of no rows for it, of shape
    (0, ...), which :class:`PackMultimodalInputs` makes. The batch then holds
    the other samples' only, and ``present`` says whose they are.

    Args:
        preprocessors (dict[str, dict | None]): For every modality either the
            config of a preprocessor (with ``type``, such as MMAction2's
            ``ActionDataPreprocessor``), or arguments of
            :class:`StackPreprocessor` (without ``type``: ``mean``, ``dtype``),
            or None to stack only.
        check_finite (bool): Whether to look for NaN and infinity in float
            inputs. Done before they leave the CPU, never on a GPU, where it
            would stall. Defaults to True.

    Attributes:
        needed (tuple[str] | None): Modalities that are prepared; others may
            be left out of a batch. Defaults to None: all, and none may.

    Note:
        Each modality is stacked first, in pinned memory where a card is the
        target, and moved to the device in one piece. The data samples stay
        where they are; the recognizer moves the labels at once.

    Raises:
        ValueError: A preprocessor blends samples (mixup and the like): it
            would mix one modality and the labels, but not the others.
    """

    def __init__(self,
                 preprocessors: Dict[str, Optional[dict]],
                 check_finite: bool = True) -> None:
        names = check_modality_names(preprocessors,
                                     'MultimodalDataPreprocessor')
        configs = {name: dict(preprocessors[name] or {}) for name in names}
        blended = [m for m in names if configs[m].get('blending') is not None]
        if blended:
            raise ValueError(
                f'the preprocessors of {blended} have blending, which would '
                'mix one modality and the labels of all; give blending to '
                'the recognizer, which mixes all modalities alike')
        super().__init__({
            name: config
            for name, config in configs.items() if 'type' in config
        })
        self.modalities = names
        self.needed: Optional[Tuple[str, ...]] = None
        self.check_finite = check_finite
        for name in names:
            if 'type' not in configs[name]:
                self.preprocessors[name] = StackPreprocessor(**configs[name])
            self.preprocessors[name].modality = name

    def forward(self, data: dict, training: bool = False) -> dict:
        """Preprocess a batch.

        Args:
            data (dict): ``inputs`` {modality: list of tensors, or a stacked
                tensor (B, ...)} and, except for bare inference,
                ``data_samples``.
            training (bool): Passed on to the preprocessors. Defaults to
                False.

        Returns:
            dict: ``inputs`` {modality: (B, ...)} on the device, and
            ``data_samples``. If a sample lacks a modality, also ``present``,
            a :class:`Presence`, and the inputs of that modality are those of
            the samples that have it.
        """
        prepare = self._prepare_eagerly if training else self._prepare
        return prepare(data, training)

    def _prepare(self, data: dict, training: bool) -> dict:
        if 'inputs' not in data:
            raise ValueError('the samples have no inputs: end the pipeline of '
                             'the data set with PackMultimodalInputs')
        inputs, samples = data['inputs'], data.get('data_samples')
        self._check(inputs, samples)
        batch, rows = dict(), dict()
        wanted = self.modalities if self.needed is None else self.needed
        for name in [m for m in self.modalities
                     if m in wanted and m in inputs]:
            values = inputs[name]
            if not isinstance(values, Tensor):
                values, there = self._stack(name, values, samples)
                if there is not None:
                    rows[name] = there
            self._check_finite(name, values, rows.get(name), samples)
            batch[name], samples = self._preprocess(
                name, to_device(values, self.device), samples, training)
        data = dict(data, inputs=batch, data_samples=samples)
        if rows:
            size = len(next(iter(inputs.values())))
            if self.needed is None and len(rows) == len(self.modalities):
                for index in range(size):
                    if not any(index in there for there in rows.values()):
                        raise ValueError(
                            f'{name_of(samples, index)} has none of the '
                            f'modalities {list(self.modalities)}; leave it '
                            'out')
            data['present'] = Presence(size, rows, self.device)
        return data

    def _preprocess(self, name: str, batch: Tensor, samples: Optional[list],
                    training: bool) -> Tuple[Tensor, Optional[list]]:
        preprocessor = self.preprocessors[name]
        if isinstance(preprocessor, StackPreprocessor):
            return preprocessor.preprocess(batch, samples, training)
        # MMAction2's stack for themselves, and need something to stack.
        count = len(batch)
        items = list(batch.unbind()) or [batch.new_zeros(batch.shape[1:])]
        batch, samples = preprocessor.preprocess(items, samples, training)
        return batch[:count], samples

    _prepare_eagerly = eager(_prepare)

    def _check(self, inputs: dict, samples: Optional[list]) -> None:
        if not isinstance(inputs, dict):
            raise ValueError(
                'inputs must be a dict of modalities (PackActionInputs with '
                f'collect_keys makes one), but got {type(inputs).__name__}')
        # Of a part of them, the encoders tell what is missing.
        missing = [] if self.needed is not None else [
            name for name in self.modalities if name not in inputs]
        unknown = [name for name in inputs if name not in self.modalities]
        if missing or unknown:
            problem = ' and '.join(
                ([f'lacks {missing}'] if missing else []) +
                ([f'has {unknown}, which nobody takes'] if unknown else []))
            raise ValueError(
                f'the batch {problem}; the data preprocessor knows '
                f'{list(self.modalities)} (compare collect_keys of the '
                'packing with preprocessors)')
        sizes = {name: len(value) for name, value in inputs.items()}
        if samples is not None:
            sizes['data_samples'] = len(samples)
        if len(set(sizes.values())) > 1 or not min(sizes.values()):
            raise ValueError('a batch must hold one item a sample of each '
                             f'modality, but got {sizes}')

    def _stack(
            self, name: str, values: Sequence[Tensor],
            samples: Optional[list]) -> Tuple[Tensor, Optional[List[int]]]:
        """Stack, and say which samples are there unless all are."""
        try:
            # Without a look at each: nearly always all is well.
            batch = stack_for(self.device, tuple(values))
            if batch.numel():
                return batch, None
        except (AttributeError, TypeError, RuntimeError):
            pass
        there = []
        for index, value in enumerate(values):
            if not isinstance(value, Tensor):
                raise ValueError(
                    f"'{name}' of {name_of(samples, index)} is a "
                    f'{type(value).__name__}, not a tensor')
            if value.shape[:1] == (0, ):
                continue
            there.append(index)
            first = values[there[0]]
            if value.shape != first.shape:
                raise ValueError(
                    f"'{name}' has unequal shapes in one batch: "
                    f'{tuple(first.shape)} of {name_of(samples, there[0])}, '
                    f'{tuple(value.shape)} of {name_of(samples, index)}; '
                    'crop, pad or resample it in the pipeline')
        if not there:
            return values[0], there
        batch = stack_for(self.device, [values[index] for index in there])
        return batch, there if len(there) < len(values) else None

    def _check_finite(self, name: str, batch: Tensor,
                      there: Optional[List[int]],
                      samples: Optional[list]) -> None:
        if (self.check_finite and batch.device.type == 'cpu'
                and batch.is_floating_point() and not _sums_up(batch)):
            wrong = (~batch.flatten(1).isfinite().all(dim=1)).nonzero()
            if not len(wrong):  # large numbers, whose sum is out of range
                return
            index = int(wrong[0])
            if there is not None:
                index = there[index]
            raise ValueError(f"'{name}' of {name_of(samples, index)} holds "
                             'NaN or infinity')


def _sums_up(batch: Tensor) -> bool:
    """Whether the sum is finite: then every value is, in one quick pass."""
    dtype = torch.float32 if batch.element_size() < 4 else None
    return math.isfinite(batch.sum(dtype=dtype).item())
