"""Options of worker processes where there are none.

``persistent_workers=True`` and a ``prefetch_factor`` are errors of torch's
DataLoader with ``num_workers=0``, which MMEngine passes on: a config that has
them could not be run without workers by one override. Met by users, e.g. in
https://github.com/open-mmlab/mmsegmentation/issues/2514.
"""

from mmengine.runner import Runner

from .replaced import is_replaced, replaces

_OF_WORKERS = ('persistent_workers', 'prefetch_factor')


def install_loader_options_shim() -> None:
    """Let MMEngine set them aside with ``num_workers=0``."""
    original = Runner.build_dataloader
    if is_replaced(original):
        return

    @replaces(original)
    def build_dataloader(dataloader, *args, **kwargs):
        if isinstance(dataloader, dict) and not dataloader.get('num_workers'):
            dataloader = {
                key: value
                for key, value in dataloader.items()
                if key not in _OF_WORKERS
            }
        return original(dataloader, *args, **kwargs)

    Runner.build_dataloader = staticmethod(build_dataloader)
