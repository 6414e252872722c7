"""Weights of a training run, loaded safely and completely."""
import logging
import os
import pickle
from typing import Dict, List, Optional, Tuple, Union

import torch
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from mmbalance_plugin.compat import UnsafeCheckpointError
from mmbalance_plugin.engine.hooks.stage_hooks import STATE_KEY

_SHOWN = 10


class CheckpointMismatchError(ValueError):
    """A checkpoint that is not one of this config's model."""


def load_weights(model: torch.nn.Module,
                 checkpoint: Union[str, os.PathLike]) -> dict:
    """Load a checkpoint of training into a bare recognizer, completely.

    The file is read under torch's safe loading. Entries that the model does
    not have are reported and left out, so that a checkpoint of several
    branches serves a model of one of them.

    Args:
        model (MultimodalRecognizer): Receives the weights.
        checkpoint (str | PathLike): A path or URL.

    Returns:
        dict: The checkpoint, without its weights.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointMismatchError: Weights of the model are missing or of
            another shape; the message lists them. Or the file is damaged.
        UnsafeCheckpointError: The file holds more than plain data.
    """
    path = os.fspath(checkpoint)
    weights, loaded = _read(path)
    weights = _without_prefix(weights)
    own = model.state_dict()
    _refuse_misfit(own, weights, path)
    unexpected = [key for key in weights if key not in own]
    if unexpected:
        print_log(
            f'{path}: left out {len(unexpected)} weights that the model does '
            f'not have:\n  {_listed(unexpected)}',
            logger='current',
            level=logging.WARNING)
    model.load_state_dict({key: weights[key] for key in own})
    return loaded


def require_fit(model: torch.nn.Module,
                checkpoint: Union[str, os.PathLike]) -> None:
    """Refuse a checkpoint that lacks weights of a model.

    MMEngine's runner only logs what does not fit, and leaves it as it was.

    Args:
        model (torch.nn.Module): As the runner has it, wrapped or not.
        checkpoint (str | PathLike): A path or URL.

    Raises:
        CheckpointMismatchError: See :func:`load_weights`; so are the
            others.
    """
    path = os.fspath(checkpoint)
    weights, _ = _read(path)
    if is_model_wrapper(model):
        model = model.module
    # The one prefix that the runner takes off.
    weights = {key.removeprefix('module.'): weights[key] for key in weights}
    _refuse_misfit(model.state_dict(), weights, path)


def _read(path: str) -> Tuple[dict, dict]:
    """A checkpoint's weights, and what else it holds."""
    if '://' not in path and not os.path.isfile(path):
        raise FileNotFoundError(f'there is no checkpoint file {path}')
    try:
        loaded = CheckpointLoader.load_checkpoint(path, 'cpu', logger='silent')
    except (EOFError, pickle.UnpicklingError, RuntimeError) as error:
        if isinstance(error, UnsafeCheckpointError):
            raise
        problem = f'{path} is damaged, incomplete or no checkpoint'
        if problem not in str(error):
            problem += f': {str(error).split(". ")[0] or type(error).__name__}'
        raise CheckpointMismatchError(problem) from error
    if not isinstance(loaded, dict):
        raise CheckpointMismatchError(
            f'{path} holds a {type(loaded).__name__}, not a state dict')
    loaded = dict(loaded)
    weights = loaded.pop('state_dict', None)
    return (loaded, {}) if weights is None else (weights, loaded)


def _refuse_misfit(own: Dict[str, Tensor], weights: Dict[str, Tensor],
                   path: str) -> None:
    missing = [key for key in own if key not in weights]
    shapes = [
        f'{key}: {_shape(weights[key])} in the file, {_shape(own[key])} in '
        'the model' for key in own
        if key in weights and _shape(weights[key]) != _shape(own[key])
    ]
    unexpected = [key for key in weights if key not in own]
    if missing or shapes:
        parts = [
            f'{len(keys)} {what}:\n  {_listed(keys)}'
            for what, keys in (('missing', missing), ('of another shape',
                                                      shapes),
                               ('that the model does not have', unexpected))
            if keys
        ]
        raise CheckpointMismatchError(
            f'{path} does not fit the model of the config; weights '
            + '\nweights '.join(parts))


def _without_prefix(weights: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Names as the bare recognizer has them ('module.' and the like)."""
    prefixes = {key.split('encoders.')[0] for key in weights
                if 'encoders.' in key}
    if '' in prefixes or len(prefixes) != 1:
        return dict(weights)
    prefix, = prefixes
    return {
        key[len(prefix):] if key.startswith(prefix) else key: value
        for key, value in weights.items()
    }


def _shape(value) -> Optional[Tuple[int, ...]]:
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _listed(keys: List[str]) -> str:
    more = len(keys) - _SHOWN
    return '\n  '.join(keys[:_SHOWN] + ([f'... and {more} more'] if more > 0
                                        else []))


def unfinished_stages(checkpoint: dict) -> List[str]:
    """Stages that were still to come when a checkpoint was written.

    Args:
        checkpoint (dict): As :func:`load_weights` returns it.

    Returns:
        list[str]: Their names; empty for a run that is not staged.
    """
    loop = checkpoint.get(STATE_KEY) or {}
    return list(loop.get('stage_names', ()))[loop.get('stage_index', 0) + 1:]
