"""What a config says about the clips its model is tested on."""
import logging
from pathlib import Path
from typing import Optional, Sequence, Tuple

from mmengine.config import Config
from mmengine.fileio import list_from_file
from mmengine.logging import print_log

from mmbalance_plugin.datasets.av_labels import read_names
from mmbalance_plugin.registry import DATASETS


def find_dataset(config: Config) -> Optional[dict]:
    """The config of the data set that the model is tested on.

    Args:
        config (Config): Searched for ``test_dataloader``, then for
            ``val_dataloader``.

    Returns:
        dict | None: The innermost data set, which has the pipeline.
    """
    for key in ('test_dataloader', 'val_dataloader'):
        found = config.get(key)
        while found is not None:
            if isinstance(found, (list, tuple)):
                found = found[0] if found else None
            elif not isinstance(found, dict):
                break
            elif 'pipeline' in found:
                return found
            else:
                found = found.get('dataset', found.get('datasets'))
    return None


def dataset_class(dataset: Optional[dict]) -> Optional[type]:
    """The class of a data set's config, not built, as data may be absent."""
    kind = None if dataset is None else dataset.get('type')
    return DATASETS.get(kind) if isinstance(kind, str) else kind


def class_names(num_classes: int,
                given: Optional[Sequence[str]],
                config: Config,
                dataset: Optional[dict] = None,
                checkpoint: Optional[dict] = None) -> Tuple[str, ...]:
    """Names of the classes, from the first place that has them.

    Those are: the caller, ``class_names`` of the config, the data set that
    the checkpoint was trained on, ``classes`` or ``metainfo`` of the data
    set's config, ``classes.txt`` beside its annotation, the data set's class.
    Without any, the names are the numbers.

    Args:
        num_classes (int): Number of classes of the head.
        given (Sequence[str], optional): The caller's.
        config (Config): The config.
        dataset (dict, optional): Config of the data set. Defaults to None.
        checkpoint (dict, optional): The checkpoint. Defaults to None.

    Returns:
        tuple[str]: One name a class.

    Raises:
        ValueError: The caller's or the config's names are not as many as
            there are classes.
    """
    for where, names in (('class_names', given),
                         ('class_names of the config',
                          config.get('class_names'))):
        if names is not None:
            names = _read(names)
            if len(names) != num_classes:
                raise ValueError(f'{where} has {len(names)} names, the head '
                                 f'of the model {num_classes} classes')
            return names
    meta = ((checkpoint or {}).get('meta') or {}).get('dataset_meta') or {}
    for where, info in (('the checkpoint', meta),
                        ('the data set of the config', dataset or {}),
                        ('the metainfo of the data set',
                         (dataset or {}).get('metainfo') or {}),
                        ('the annotation', _beside_annotation(dataset)),
                        ('the data set',
                         getattr(dataset_class(dataset), 'METAINFO', {}))):
        names = _read(info.get('classes') or ())
        if len(names) == num_classes:
            return names
        if names:
            print_log(
                f'{where} names {len(names)} classes, the head of the model '
                f'has {num_classes}: these names are not used',
                logger='current',
                level=logging.WARNING)
    return tuple(map(str, range(num_classes)))


def _beside_annotation(dataset: Optional[dict]) -> dict:
    """Names that ``AudioVisualDataset`` would find."""
    if dataset is None:
        return {}
    ann_file = dataset.get('ann_file')
    if not ann_file:
        return {}
    file = Path(dataset.get('data_root') or '', ann_file)
    file = file.with_name('classes.txt')
    return dict(classes=read_names(file)) if file.is_file() else {}


def _read(names) -> Tuple[str, ...]:
    """MMEngine lets a file stand for a list."""
    if isinstance(names, str):
        names = list_from_file(names)
    return tuple(map(str, names))
