"""Scalars that stay on the device until it is time to log them."""
from typing import Any, Dict, Mapping, Optional

from mmengine.logging import MessageHub
from torch import Tensor

from .device_means import DeviceMeans

_PREFIX = 'train/'  # of the names in the hub


def per_modality(**kinds: Mapping[str, Any]) -> Dict[str, Any]:
    """Numbers of modalities by the names they are logged under."""
    return {
        f'{kind}_{m}': value
        for kind, values in kinds.items() for m, value in values.items()
    }


class DeferredScalars:
    """Means of device scalars, handed to the message hub now and then.

    ``MessageHub.update_scalar`` copies its value to the host at once, which
    makes a GPU wait. Here values add up on the device; at the first addition
    and at every multiple of ``interval`` their means go to the hub in one
    copy, from where MMEngine's ``LoggerHook`` prints and plots the latest.

    Args:
        interval (int): Additions between two copies. Defaults to 10.

    Raises:
        ValueError: ``interval`` is below 1.
    """

    def __init__(self, interval: int = 10) -> None:
        if interval < 1:
            raise ValueError(f'log_interval must be at least 1, got '
                             f'{interval}')
        self.interval = interval
        self._means: Optional[DeviceMeans] = None
        self._added = 0

    def add(self, values: Dict[str, Tensor]) -> None:
        """Add a value to each mean.

        Args:
            values (dict[str, Tensor]): Scalars, all on one device. Under
                other names than last time a new mean begins.
        """
        if self._means is None or self._means.names != tuple(values):
            self.flush()
            device = next(iter(values.values())).device
            self._means = DeviceMeans(*values).to(device)
        self._means.update(**values)
        self._added += 1
        if self._added == 1 or self._added % self.interval == 0:
            self.flush()

    def flush(self) -> None:
        """Hand the means of what was added to the hub, and start anew."""
        if self._means is not None:
            hub = MessageHub.get_current_instance()
            for name, mean in self._means.pop()[0].items():
                hub.update_scalar(_PREFIX + name, mean)

    def clear(self, start: str) -> None:
        """Forget what was added, and the hub's scalars of a stage before.

        The next addition is a first one again.

        Args:
            start (str): What the names in the hub begin with, after the
                prefix.
        """
        self._means, self._added = None, 0
        scalars = MessageHub.get_current_instance().log_scalars
        for key in [k for k in scalars if k.startswith(_PREFIX + start)]:
            scalars.pop(key)
