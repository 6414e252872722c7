"""Turning an optim wrapper's config into its mixed-precision form."""
import copy

from ...registry import OPTIM_WRAPPERS, SCOPE

_PLAIN, _AMP = 'OptimWrapper', 'AmpOptimWrapper'


def to_amp(cfg: dict) -> dict:
    """The AMP form of an ``optim_wrapper`` config, for ``--amp``.

    A copy: that of ``XOptimWrapper`` is the registered ``XAmpOptimWrapper``,
    of a missing type ``AmpOptimWrapper``, with ``loss_scale='dynamic'`` where
    none is given. A config that is AMP already stays as it is.

    Raises:
        ValueError: The type has no such form.
    """
    cfg = copy.deepcopy(cfg)
    kind = cfg.get('type', _PLAIN)
    if isinstance(kind, type):
        ours = kind in OPTIM_WRAPPERS.module_dict.values()
        kind = f'{SCOPE}.{kind.__name__}' if ours else kind.__name__
    twin = kind
    if not kind.endswith(_AMP):
        twin = kind[:-len(_PLAIN)] + _AMP
        if not kind.endswith(_PLAIN) or OPTIM_WRAPPERS.get(twin) is None:
            raise ValueError(
                f'--amp cannot tell the mixed-precision form of {kind!r}: '
                f'there is no {twin if kind.endswith(_PLAIN) else _AMP} of '
                'it; set the type of optim_wrapper in the config')
    cfg['type'] = twin
    cfg.setdefault('loss_scale', 'dynamic')
    return cfg
