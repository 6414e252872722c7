"""What trains a model of this package, and what cannot."""
from typing import Any, Union

from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.registry import MODEL_WRAPPERS, RUNNERS
from mmengine.runner import Runner
from torch import nn


def require_supported(runner, who: str) -> None:
    """Refuse a runner or a wrapper that trains in another way.

    Args:
        runner (Runner | FlexibleRunner): As loops and hooks get it.
        who (str): What cannot work with it, for the message.

    Raises:
        NotImplementedError: It is not MMEngine's ``Runner``, or its model
            is sharded or wrapped by something else than DDP.
    """
    require_runner(type(runner), who)
    require_wrapper(runner.model, who)


def require_runner(kind: Union[type, str, None], who: str) -> None:
    """Refuse runners that are not MMEngine's ``Runner``, given the class, or
    its name in a config, or None, which is MMEngine's."""
    if isinstance(kind, str):
        kind = RUNNERS.get(kind) or kind
    if kind is None or isinstance(kind, type) and issubclass(kind, Runner):
        return
    raise NotImplementedError(
        f"{who} works with MMEngine's Runner, not with "
        f"{getattr(kind, '__name__', kind)}: take "
        'runner_type and strategy out of the config. Several processes train '
        'with DistributedDataParallel, by --launcher')


def require_wrapper(model: Union[nn.Module, type, str, None],
                    who: str) -> None:
    """Refuse models that are sharded, or in another wrapper than DDP, given
    the model, or the class or the name of a wrapper, or None."""
    kind: Any = model
    if isinstance(model, nn.Module):
        kind = type(model) if is_model_wrapper(model) else None
    elif isinstance(model, str):
        kind = MODEL_WRAPPERS.get(model) or model
    if kind is None or isinstance(kind, type) and issubclass(
            kind, MMDistributedDataParallel):
        if not isinstance(model, nn.Module) or all(
                type(p).__name__ != 'DTensor' for p in model.parameters()):
            return
        kind = 'FSDP2 or tensor parallelism'
    raise NotImplementedError(
        f'{who} works with DistributedDataParallel, not with '
        f"{getattr(kind, '__name__', kind)}: "
        'methods here need whole parameters and their gradients. Take '
        'model_wrapper_cfg out of the config')
