"""Options of worker processes where there are none.

``persistent_workers=True`` and a ``prefetch_factor`` are errors of torch's
DataLoader with ``num_workers=0``, which MMEngine passes on: a config that has
them could not be run without workers by one override. Met by users, e.g. in
https://github.com/open-mmlab/mmsegmentation/issues/2514.
"""
from typing import Any, Callable

from mmengine.runner import Runner

from .replaced import replace

_OF_WORKERS = ('persistent_workers', 'prefetch_factor')


def install() -> None:
    """Let MMEngine set them aside with ``num_workers=0``."""

    @replace(Runner, 'build_dataloader')
    def build_dataloader(original: Callable, dataloader: Any, *args,
                         **kwargs):
        if isinstance(dataloader, dict) and not dataloader.get('num_workers'):
            dataloader = {
                key: value
                for key, value in dataloader.items()
                if key not in _OF_WORKERS
            }
        return original(dataloader, *args, **kwargs)
