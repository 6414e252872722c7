from typing import Optional, Set

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from ...registry import HOOKS
from ..label_check import check_labels


@HOOKS.register_module()
class LabelCheckHook(Hook):
    """Compare the labels of all splits with the head, before the first batch.

    What is an error and what a warning, see
    :func:`~mmbalance_plugin.engine.label_check.check_labels`. Test data are
    built for it when training starts, so that what is wrong with them is
    known before the end. Models without ``head.num_classes`` are not checked.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._checked: Set[str] = set()

    def before_train(self, runner) -> None:
        """Check everything that the run will use."""
        self._check(runner, 'train', 'val', 'test')

    def before_val(self, runner) -> None:
        """Check what is validated outside of training."""
        self._check(runner, 'val')

    def before_test(self, runner) -> None:
        """Check what is tested outside of training."""
        self._check(runner, 'test')

    def _check(self, runner, *splits: str) -> None:
        num_classes = _num_classes(runner.model)
        wanted = [
            split for split in splits if split not in self._checked
            and getattr(runner, f'_{split}_loop') is not None
        ]
        if num_classes is None or not wanted:
            return
        self._checked.update(wanted)
        check_labels(
            {
                split: getattr(runner, f'{split}_loop').dataloader.dataset
                for split in wanted
            }, num_classes)


def _num_classes(model) -> Optional[int]:
    model = model.module if is_model_wrapper(model) else model
    return getattr(getattr(model, 'head', None), 'num_classes', None)
