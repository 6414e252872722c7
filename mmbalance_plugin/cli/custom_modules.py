"""Modules of the user's own that a config names."""
from mmengine.config import Config

from .command import UsageError


def import_custom_modules(cfg: Config) -> None:
    """Import what a config names in ``custom_imports``.

    Raises:
        UsageError: An import fails, with its reason.
    """
    from mmengine.utils import import_modules_from_strings
    try:
        import_modules_from_strings(
            **cfg.get('custom_imports') or dict(imports=None))
    except ImportError as error:
        raise UsageError(
            f'custom_imports: {error}: {error.__context__}') from error
