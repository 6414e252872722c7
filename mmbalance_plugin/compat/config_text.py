"""Configs inside checkpoints are text, and stay text.

A config is Python: to parse it is to run it. MMEngine stores configs with
its checkpoints, and runs them in two places: ``Runner.resume`` parses
``meta['config']``, and an inferencer that was given weights without a config
parses the one found in them. Safe loading does not help, because a string is
harmless until then.

What a file holds under the names of a config is marked when it is loaded;
what is marked is refused where text becomes a config.
"""
from typing import Any, Callable

from mmengine.config import Config

from .errors import UnsafeCheckpointError
from .replaced import replace


class CheckpointText(str):
    """A config as text, as some checkpoint holds it."""


def disarm(checkpoint: object) -> object:
    """Mark the configs in a loaded checkpoint.

    Args:
        checkpoint (object): Changed in place. ``meta['config']``, which
            nothing but ``Runner.resume`` reads, is taken out.

    Returns:
        object: The same checkpoint.
    """
    if not isinstance(checkpoint, dict):
        return checkpoint
    hub = checkpoint.get('message_hub')
    info = hub.get('runtime_info') if isinstance(hub, dict) else None
    for holder in (checkpoint.get('meta'), info):
        if isinstance(holder, dict):
            holder.pop('config', None)
            if isinstance(holder.get('cfg'), str):
                holder['cfg'] = CheckpointText(holder['cfg'])
    return checkpoint


def install() -> None:
    """Let ``Config.fromstring`` refuse what came out of a checkpoint."""

    @replace(Config, 'fromstring')
    def fromstring(original: Callable, cfg_str: Any, *args, **kwargs):
        if isinstance(cfg_str, CheckpointText):
            raise UnsafeCheckpointError(
                'the config inside a checkpoint is a program and is not run; '
                'pass the config as a file of its own')
        return original(cfg_str, *args, **kwargs)
