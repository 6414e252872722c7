"""The bare recognizer of a config."""
import copy
import os
from typing import Iterator, Optional, Union

from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmbalance_plugin.models import recognizers
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.shipped import find_config


def load_config(config: Union[str, os.PathLike, Config, dict],
                cfg_options: Optional[dict] = None) -> Config:
    """Read a config, never changing one that was passed in.

    Args:
        config (str | PathLike | Config | dict): The config, its file, or
            the name of one that the package ships.
        cfg_options (dict, optional): Overrides, dotted keys allowed.
            Defaults to None.

    Returns:
        Config: A config of the caller's own.
    """
    if isinstance(config, (str, os.PathLike)):
        config = Config.fromfile(find_config(os.fspath(config)))
    else:
        config = Config(copy.deepcopy(dict(config)))
    if cfg_options:
        config.merge_from_dict(cfg_options)
    return config


def default_scope(config: Config):
    """Context in which types without a prefix are those of the config."""
    return DefaultScope.overwrite_default_scope(
        config.get('default_scope', 'mmaction'))


def recognizer_config(config: Config) -> dict:
    """Find the config of the one recognizer in a config, what wraps it left
    out.

    Args:
        config (Config): With a ``model`` that is, or somewhere contains, one
            ``MultimodalRecognizer``. Its default scope is in force.

    Returns:
        dict: A copy, with the data preprocessor.

    Raises:
        ValueError: There is no such model, or more than one.
    """
    model = config.get('model')
    found = list(_recognizer_configs(model))
    if len(found) != 1:
        kind = model.get('type') if isinstance(model, dict) else model
        raise ValueError(
            'a config is needed whose model is, or wraps, one '
            f'MultimodalRecognizer; this one, of type {kind!r}, has '
            f'{len(found)}')
    chosen = copy.deepcopy(found[0])
    if 'data_preprocessor' in model:
        chosen.setdefault('data_preprocessor', model['data_preprocessor'])
    return chosen


def build_recognizer(config: Config) -> 'recognizers.MultimodalRecognizer':
    """Build the bare recognizer of a config, with initial weights.

    What wraps it for training (OPM) has no part in inference and is not
    built. See :func:`recognizer_config`.
    """
    with default_scope(config):
        return MODELS.build(recognizer_config(config))


def _recognizer_configs(config) -> Iterator[dict]:
    """Outermost configs of a recognizer in a nested config."""
    if isinstance(config, (list, tuple)):
        for item in config:
            yield from _recognizer_configs(item)
    elif isinstance(config, dict):
        kind = config.get('type')
        if isinstance(kind, str):
            kind = MODELS.get(kind)
        if isinstance(kind, type) and issubclass(
                kind, recognizers.MultimodalRecognizer):
            yield config
        else:
            for item in config.values():
                yield from _recognizer_configs(item)
