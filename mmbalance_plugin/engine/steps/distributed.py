"""DDP that leaves the training step to the model's own."""
import copy
from typing import Dict

from mmengine.model import MMDistributedDataParallel
from torch import Tensor, nn

from ...models.recognizers.stepping import check_train_step
from ...registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class MultimodalDistributedDataParallel(MMDistributedDataParallel):
    """``MMDistributedDataParallel`` that calls the recognizer's step.

    MMEngine's runs forward, backward and update itself and asks the model
    only for its losses. :class:`StagedTrainLoop` and ``tools/train.py`` wrap
    with this class unless the config names another.

    Args:
        module (nn.Module): The model. Without a ``step`` it is trained as by
            MMEngine's wrapper.
        broadcast_buffers (bool): See ``DistributedDataParallel``. Defaults
            to False, as MMEngine's runner does.
        kwargs: Those of ``MMDistributedDataParallel``.

    Raises:
        TypeError: The model's class has a ``train_step`` of its own, which
            would run beside DDP and average nothing.
    """

    def __init__(self,
                 module: nn.Module,
                 broadcast_buffers: bool = False,
                 **kwargs) -> None:
        if hasattr(module, 'step'):
            check_train_step(module, type(self).__name__)
        super().__init__(
            module=module, broadcast_buffers=broadcast_buffers, **kwargs)

    def train_step(self, data: dict, optim_wrapper) -> Dict[str, Tensor]:
        """Train on a batch, as the model's step does."""
        step = getattr(self.module, 'step', None)
        if step is None:
            return super().train_step(data, optim_wrapper)
        return step(self, data, optim_wrapper)


def stepping_wrapper(cfg: dict) -> dict:
    """A run's ``model_wrapper_cfg``, calling the model's step.

    A copy. Where that names no wrapper, or MMEngine's, it names this one.
    """
    wrapper = copy.deepcopy(cfg.get('model_wrapper_cfg'))
    if wrapper is None:
        wrapper = dict(
            find_unused_parameters=cfg.get('find_unused_parameters', False))
    kind = wrapper.get('type', MMDistributedDataParallel)
    if isinstance(kind, str):
        kind = MODEL_WRAPPERS.get(kind)
    if kind is MMDistributedDataParallel:
        wrapper['type'] = (
            'mmbalance_plugin.MultimodalDistributedDataParallel')
    return wrapper
