"""Whether weights are those of a model."""
from typing import Dict, List, Mapping, Optional, Tuple

from torch import Tensor, nn

from mmbalance_plugin.compat import CheckpointError

_SHOWN = 10


class CheckpointMismatchError(CheckpointError, ValueError):
    """A checkpoint that is not one of this config's model."""


def refuse_misfit(own: Mapping[str, Tensor], weights: Mapping[str, Tensor],
                  path: str) -> None:
    """Refuse weights that leave some of a model's as they were.

    What the model does not have is no reason to refuse: a checkpoint of
    several branches serves a model of one of them.

    Args:
        own (Mapping[str, Tensor]): The model's state dict.
        weights (Mapping[str, Tensor]): What is to be loaded.
        path (str): Where from, for the message.

    Raises:
        CheckpointMismatchError: Weights are missing or of another shape; the
            message lists them.
    """
    # Files of before batch norm counted lack the counter, which torch and
    # MMEngine allow.
    missing = [key for key in own if key not in weights
               and not key.endswith('num_batches_tracked')]
    shapes = [
        f'{key}: {_shape(weights[key])} in the file, {_shape(own[key])} in '
        'the model' for key in own
        if key in weights and _shape(weights[key]) != _shape(own[key])
    ]
    if not missing and not shapes:
        return
    unexpected = [key for key in weights if key not in own]
    kinds: Dict[str, List[str]] = {
        'missing': missing,
        'of another shape': shapes,
        'that the model does not have': unexpected
    }
    parts = [f'{len(keys)} {what}:\n  {listed(keys)}'
             for what, keys in kinds.items() if keys]
    raise CheckpointMismatchError(
        f'{path} does not fit the model of the config; weights '
        + '\nweights '.join(parts))


def refuse_useless(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Refuse weights of which none is of use to a module.

    Args:
        module (nn.Module): Which is initialised from them.
        weights (Mapping[str, Tensor]): What is to be loaded.

    Raises:
        CheckpointMismatchError: None has the name and shape of one of the
            module's.
    """
    own = module.state_dict()
    if own and not any(_shape(weights.get(key)) == _shape(value)
                       for key, value in own.items()):
        raise CheckpointMismatchError(
            f'no weight of the file that init_cfg or pretrained names fits '
            f'{type(module).__name__}: it has {next(iter(own))!r}, the file '
            f'{next(iter(weights), "nothing")!r}; say prefix=... in init_cfg '
            'where the names of the file have one')


def _shape(value: object) -> Optional[Tuple[int, ...]]:
    return tuple(value.shape) if isinstance(value, Tensor) else None


def listed(keys: List[str]) -> str:
    """Keys one below the other, the first ten of them."""
    more = len(keys) - _SHOWN
    return '\n  '.join(keys[:_SHOWN] + ([f'... and {more} more'] if more > 0
                                        else []))
