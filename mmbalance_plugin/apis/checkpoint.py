"""Weights of a training run, loaded safely and completely."""
import logging
import os
from typing import Dict, List, Tuple, Union

import torch
from mmengine.logging import print_log
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from mmbalance_plugin.engine.loops.stage_hooks import STATE_KEY
from mmbalance_plugin.utils.fit import (
    CheckpointMismatchError,
    listed,
    refuse_misfit,
)
from mmbalance_plugin.utils.pointers import pointer_file


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
            another shape; the message lists them.
        DamagedCheckpointError: The file is damaged or no checkpoint.
        UnsafeCheckpointError: The file holds more than plain data.
    """
    path = os.fspath(checkpoint)
    weights, loaded = _read(path)
    weights = _without_prefix(weights)
    own = model.state_dict()
    refuse_misfit(own, weights, path)
    unexpected = [key for key in weights if key not in own]
    if unexpected:
        print_log(
            f'{path}: left out {len(unexpected)} weights that the model does '
            f'not have:\n  {listed(unexpected)}',
            logger='current',
            level=logging.WARNING)
    model.load_state_dict(
        {key: weights[key] for key in own if key in weights}, strict=False)
    return loaded


def _read(path: str) -> Tuple[dict, dict]:
    """A checkpoint's weights, and what else it holds."""
    if '://' not in path and not os.path.isfile(path) and not pointer_file(
            path):
        raise FileNotFoundError(f'there is no checkpoint file {path}')
    loaded = CheckpointLoader.load_checkpoint(path, 'cpu', logger='silent')
    if not isinstance(loaded, dict):
        raise CheckpointMismatchError(
            f'{path} holds a {type(loaded).__name__}, not a state dict')
    loaded = dict(loaded)
    weights = loaded.pop('state_dict', None)
    return (loaded, {}) if weights is None else (weights, loaded)


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


def unfinished_stages(checkpoint: dict) -> List[str]:
    """Stages that were still to come when a checkpoint was written.

    Args:
        checkpoint (dict): As :func:`load_weights` returns it.

    Returns:
        list[str]: Their names; empty for a run that is not staged.
    """
    loop = checkpoint.get(STATE_KEY) or {}
    return list(loop.get('stage_names', ()))[loop.get('stage_index', 0) + 1:]
