"""Registries of the plugin.

Every registry here is a sibling of MMAction2's: a child of MMEngine's root
registry under the scope ``mmbalance_plugin``. A config therefore names a
component as ``type='mmbalance_plugin.X'`` whatever its default scope is, and
needs no ``custom_imports``: MMEngine imports this file, then the locations
below, when it first meets the prefix.
"""
from typing import Any, Optional

from mmengine import registry as mmengine
from mmengine.registry import Registry

from .compat import apply_shims, import_failure

SCOPE = 'mmbalance_plugin'

# Before anything of MMAction2 or torchaudio is imported by the locations.
apply_shims()


class PluginImportError(RuntimeError):
    """A module that a registry imports on demand cannot be imported.

    On purpose no :class:`ImportError`: MMEngine swallows those while it
    looks a type up, and the user would read "X is not in the registry".
    """


class PluginRegistry(Registry):
    """Registry whose failed imports are reported as what they are.

    MMEngine imports the locations of a registry when a type is first looked
    up, and retries at each further look-up. The second try often fails
    differently from the first (half a package is registered by then, so it
    says "already registered"), hence the first error is kept and raised
    again.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._failure: Optional[Exception] = None

    def import_from_location(self) -> None:
        """Import the registry's locations once.

        Raises:
            PluginImportError: A location cannot be imported. The message
                holds the original error, which is also chained.
        """
        if self._failure is None:
            try:
                return super().import_from_location()
            except PluginImportError:
                # From a nested look-up: already says what went wrong.
                raise
            except Exception as error:
                self._failure = error
        cause = self._failure
        raise PluginImportError(
            f"cannot import {', '.join(self._locations)}, which holds the "
            f'"{self.name}" registry of {SCOPE}: '
            f'{type(cause).__name__}: {cause}') from cause

    def build(self, cfg: dict, *args, **kwargs) -> Any:
        """Build a component, as MMEngine's registries do.

        Raises:
            PluginImportError: The type was not found because a package
                cannot be imported.
        """
        try:
            return super().build(cfg, *args, **kwargs)
        except (KeyError, RuntimeError) as error:
            name = cfg.get('type')
            if isinstance(name, str) and any(
                    text in str(error) for text in
                    (f'{name} is not in the', f'Failed to get {name}')):
                reason = import_failure(name)
                if reason is not None:
                    raise PluginImportError(
                        f'{name} cannot be built: {reason}') from error
            raise


def _registry(parent: Registry, *locations: str) -> PluginRegistry:
    return PluginRegistry(
        parent.name,
        parent=parent,
        scope=SCOPE,
        locations=[f'{SCOPE}.{location}' for location in locations])


# Training steps and the terms of an objective are built like parts of models.
MODELS = _registry(mmengine.MODELS, 'models', 'engine.steps', 'engine.udi')
MODEL_WRAPPERS = _registry(mmengine.MODEL_WRAPPERS, 'engine.steps')
DATASETS = _registry(mmengine.DATASETS, 'datasets')
DATA_SAMPLERS = _registry(mmengine.DATA_SAMPLERS, 'datasets')
FUNCTIONS = _registry(mmengine.FUNCTIONS, 'datasets')
TRANSFORMS = _registry(mmengine.TRANSFORMS, 'datasets.transforms')
METRICS = _registry(mmengine.METRICS, 'evaluation')
LOOPS = _registry(mmengine.LOOPS, 'engine.loops')
HOOKS = _registry(mmengine.HOOKS, 'engine.hooks', 'engine.gradients')
OPTIM_WRAPPERS = _registry(mmengine.OPTIM_WRAPPERS, 'engine.gradients')
LOG_PROCESSORS = _registry(mmengine.LOG_PROCESSORS, 'engine.stage_log')
VISUALIZERS = _registry(mmengine.VISUALIZERS, 'engine.stage_log')
# Gradient methods.
TASK_UTILS = _registry(mmengine.TASK_UTILS, 'engine.gradients')

__all__ = [
    'DATASETS', 'DATA_SAMPLERS', 'FUNCTIONS', 'HOOKS', 'LOG_PROCESSORS',
    'LOOPS', 'METRICS', 'MODELS', 'MODEL_WRAPPERS', 'OPTIM_WRAPPERS',
    'PluginImportError', 'PluginRegistry', 'SCOPE', 'TASK_UTILS',
    'TRANSFORMS', 'VISUALIZERS'
]
