"""Do the labels of the data fit the head, and the splits each other?"""
import logging
from typing import Any, Dict, Iterator, Optional, Sequence, Set

import numpy as np
from mmengine.hooks import Hook
from mmengine.logging import print_log

from ...models.wrappers import recognizer_of
from ...registry import HOOKS
from ...utils.class_numbers import class_numbers, integers
from .first_sample import try_encoders

#: Of data sets that do not list their labels, so many samples are looked at.
_LOOKED_AT = 20_000


@HOOKS.register_module()
class LabelCheckHook(Hook):
    """Compare the labels of all splits with the head, before the first batch.

    Test data are built for it when training starts, so that what is wrong
    with them is known before the end. Models without ``head.num_classes`` are
    not checked. When training starts, a sample goes through all encoders
    (:func:`try_encoders`), also those whose stage comes late.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._checked: Set[str] = set()

    def before_train(self, runner) -> None:
        self._check(runner, 'train', 'val', 'test')
        try_encoders(recognizer_of(runner.model), runner.train_dataloader)

    def before_val(self, runner) -> None:
        self._check(runner, 'val')

    def before_test(self, runner) -> None:
        self._check(runner, 'test')

    def _check(self, runner, *splits: str) -> None:
        head = getattr(recognizer_of(runner.model), 'head', None)
        num_classes = getattr(head, 'num_classes', None)
        several = getattr(head, 'multi_class', False)
        wanted = [
            split for split in splits if split not in self._checked
            and getattr(runner, f'_{split}_loop') is not None
        ]
        if num_classes is None or not wanted:
            return
        self._checked.update(wanted)
        loops = {split: getattr(runner, f'{split}_loop') for split in wanted}
        check_labels(
            {split: loop.dataloader.dataset
             for split, loop in loops.items()}, num_classes, several)
        for split in set(loops) - {'train'} if several else ():
            for metric in loops[split].evaluator.metrics:
                if hasattr(metric, 'require_multi_label'):
                    metric.require_multi_label()


def check_labels(datasets: Dict[str, Any],
                 num_classes: int,
                 multi_class: bool = False) -> None:
    """Compare labels and class names of data sets with a head.

    Nothing is loaded but labels, which in-memory sets and
    ``AudioVisualDataset`` list; others are asked for the annotation of up to
    20,000 samples at even distances.

    Args:
        datasets (dict[str, Dataset]): Name of a split to its data, which may
            be wrapped.
        num_classes (int): Of the head. Where the data name more classes or
            fewer, the log warns.
        multi_class (bool): Of the head. Defaults to False.

    Raises:
        ValueError: Labels are no class numbers, or none of the head's
            classes, or several per sample where the head takes one, or the
            other way round, or a class has different names in two splits.
    """
    known: Dict[str, Sequence[str]] = {}
    for split, dataset in datasets.items():
        for part in _parts(dataset):
            owner = f'{split} data ({type(part).__name__})'
            _check_numbers(part, owner, num_classes, multi_class)
            names = _class_names(part)
            if names is not None:
                _check_names(names, owner, num_classes, known)
                known.setdefault(owner, names)


def _parts(dataset: Any) -> Iterator[Any]:
    """The data sets inside of MMEngine's and PyTorch's wrappers."""
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from _parts(part)
    elif hasattr(dataset, 'dataset'):
        yield from _parts(dataset.dataset)
    else:
        yield dataset


def _class_names(dataset: Any) -> Optional[Sequence[str]]:
    names = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    return None if names is None else [str(name) for name in names]


def _check_numbers(dataset: Any, owner: str, num_classes: int,
                   multi_class: bool) -> None:
    owner = f'labels of the {owner}'
    several = getattr(dataset, 'multi_class', None)
    if several and not multi_class:
        raise ValueError(f'{owner} are several per sample (multi_class), but '
                         'the head predicts one class: set its multi_class='
                         'True')
    if multi_class:
        if several is False:
            raise ValueError(
                f'{owner} are one class per sample, but the head has '
                'multi_class=True: give the data multi_class=True, and '
                f'num_classes={num_classes}')
        # Of data that do not say, the first batch tells.
        count = getattr(dataset, 'num_classes', None)
        if hasattr(dataset, 'labels'):
            count = dataset.labels.shape[1]
        if isinstance(count, int) and count != num_classes:
            raise ValueError(f'{owner} are zeros and ones for {count} classes,'
                             f' but the head has num_classes={num_classes}')
        return
    for name in ('label_numbers', 'labels'):
        labels = getattr(dataset, name, None)
        if labels is not None:
            break
    else:
        labels = _annotated(dataset, owner)
    if len(labels):
        try:
            class_numbers(labels, owner, num_classes)
        except ValueError as error:
            raise ValueError(
                f'{error} (num_classes={num_classes} of the head)') from None


def _annotated(dataset: Any, owner: str) -> np.ndarray:
    """Labels by the annotation, as far as there is one."""
    if not hasattr(dataset, 'get_data_info'):
        return np.array([], dtype=np.int64)
    count = len(dataset)
    labels = []
    for index in np.unique(
            np.linspace(0, count - 1, min(count, _LOOKED_AT)).astype(int)):
        label = dataset.get_data_info(int(index)).get('label')
        if label is None:
            continue
        numbers = integers(label, f'{owner}, sample {index},')
        if len(numbers) != 1:
            raise ValueError(f'{owner} are {len(numbers)} in sample {index}, '
                             'but the head predicts one class')
        labels.append(numbers[0])
    return np.array(labels, dtype=np.int64)


def _check_names(names: Sequence[str], owner: str, num_classes: int,
                 known: Dict[str, Sequence[str]]) -> None:
    for other, theirs in known.items():
        for index, (name, its) in enumerate(zip(names, theirs)):
            if name != its:
                raise ValueError(
                    f'class {index} is "{name}" in the {owner}, but "{its}" '
                    f'in the {other}: give all splits the same classes')
    if len(names) != num_classes:
        relation = ('so some classes have no data'
                    if len(names) < num_classes else
                    'which is enough for the labels that occur')
        print_log(
            f'the {owner} name {len(names)} classes, the head has '
            f'num_classes={num_classes}, {relation}', 'current',
            level=logging.WARNING)
