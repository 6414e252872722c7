"""Turning an optim wrapper's config into its mixed-precision form."""
import copy

_FORMS = {
    'OptimWrapper': 'AmpOptimWrapper',
    'OGMOptimWrapper': 'OGMAmpOptimWrapper',
}


def to_amp(cfg: dict) -> dict:
    """The AMP form of an ``optim_wrapper`` config, for ``--amp``.

    Args:
        cfg (dict): The config. A missing type means ``OptimWrapper``; a
            scope before the name is kept.

    Returns:
        dict: A copy with the AMP type, and ``loss_scale='dynamic'`` where
        none is given. A config that is AMP already is only copied.

    Raises:
        ValueError: The type has no AMP form that is known here.
    """
    cfg = copy.deepcopy(cfg)
    kind = cfg.get('type', 'OptimWrapper')
    if isinstance(kind, type):
        kind = kind.__name__
        if kind.startswith('OGM'):
            kind = f'mmbalance_plugin.{kind}'
    scope, dot, name = kind.rpartition('.')
    if name not in _FORMS and name not in _FORMS.values():
        raise ValueError(
            f'--amp cannot tell the mixed-precision form of {kind!r}: it '
            f'knows {sorted(_FORMS)}; set the type of optim_wrapper in the '
            'config')
    cfg['type'] = scope + dot + _FORMS.get(name, name)
    cfg.setdefault('loss_scale', 'dynamic')
    return cfg
