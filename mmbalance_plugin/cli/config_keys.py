"""Config keys that nothing reads because they are mistyped.

A config may hold helper variables of any name, so that only a name close to
one that is read is taken for a mistake.
"""
import inspect
from pathlib import Path
from typing import (
    Any,
    Callable,
    Iterable,
    Iterator,
    List,
    Optional,
    Set,
    Tuple,
)

from mmengine.config import Config

from ..shipped import shipped_root
from .command import UsageError
from .near import near

# What reads a config besides the arguments of MMEngine's runner: its other
# look-ups, MMAction2's tools, and this package.
TOP_LEVEL = {
    'activation_checkpointing', 'class_names', 'compile', 'custom_imports',
    'efficient_conv_bn_eval', 'find_unused_parameters', 'load_strict',
    'max_epochs', 'model_wrapper_cfg', 'overwrite', 'runner_type', 'strategy',
    'sync_bn', 'tta_model', 'tta_pipeline', 'vis_backends'
}
# Taken out before something is built.
BUILDING = {'_delete_', '_scope_', 'constructor', 'priority', 'type'}
LOADER = {
    'batch_sampler', 'dataset', 'num_batch_per_epoch', 'sampler',
    'worker_init_fn'
}
# Sections without a type whose readers pass over what they do not know.
PARAMWISE = {
    'bias_decay_mult', 'bias_lr_mult', 'bypass_duplicate', 'custom_keys',
    'dcn_offset_lr_mult', 'dwconv_decay_mult', 'flat_decay_mult',
    'norm_decay_mult'
}
SECTIONS = {
    'auto_scale_lr': {'base_batch_size', 'enable'},
    'default_hooks': {
        'checkpoint', 'logger', 'param_scheduler', 'runtime_info',
        'sampler_seed', 'sync_buffers', 'timer'
    },
    'env_cfg': {'cudnn_benchmark', 'dist_cfg', 'mp_cfg', 'resource_limit'},
    'env_cfg.mp_cfg': {'mp_start_method', 'opencv_num_threads'},
}


def unread_keys(cfg: Config) -> List[str]:
    """Find names that look mistyped.

    Args:
        cfg (Config): What a runner will be built from.

    Returns:
        list[str]: One sentence for each: where, and what was meant.
    """
    readers = Readers(cfg)
    problems = []
    for path, section in _sections(cfg, readers.top_level):
        known, owner = readers.of(path, section)
        for key in section:
            meant = near(key, known) if isinstance(key, str) else None
            if meant is not None:
                problems.append(_sentence(path, key, owner, meant))
    return problems


def refuse_near_misses(cfg: Config, options: dict) -> None:
    """Refuse overrides of keys that were not there and look mistyped.

    Args:
        cfg (Config): Before the overrides.
        options (dict): Values by dotted key.

    Raises:
        UsageError: Names the key, and the one that was probably meant.
    """
    for option in options:
        section: Any = cfg
        path = ''
        for key in option.split('.'):
            if isinstance(section, (list, tuple)):
                if not key.isdigit() or int(key) >= len(section):
                    break  # MMEngine names the length
                section = section[int(key)]
            elif not isinstance(section, (dict, Config)):
                break
            elif key in section:
                section = section[key]
            else:
                kind = options.get(f'{path}.type')
                if kind is not None:
                    section = {**section, 'type': kind}
                known, owner = Readers(cfg).of(path, section)
                meant = near(key, known | {
                    name for name in section if isinstance(name, str)})
                if key in known:
                    section = {}  # a new part of what is read
                elif meant is None:
                    break
                else:
                    raise UsageError(f'--cfg-options {option}: ' + _sentence(
                        path, key, owner, meant))
            path = f'{path}.{key}' if path else key


def unmatched_keys(cfg: Config, model: Any) -> List[str]:
    """Find ``custom_keys`` that no weight of the model has in its name.

    Args:
        cfg (Config): Of the run.
        model (nn.Module): Built of it.

    Returns:
        list[str]: One sentence for each.
    """
    stages = (cfg.get('train_cfg') or {}).get('stages') or ()
    names = [name for name, _ in model.named_parameters()]
    keys = [key for part in (cfg, *stages) for key in (
        (part.get('optim_wrapper') or {}).get('paramwise_cfg') or {}).get(
            'custom_keys') or ()]
    return [f'paramwise_cfg.custom_keys: no weight has {key!r} in its name; '
            f'the first one is called {names[0]}'
            for key in keys if not any(key in name for name in names)]


def unused_parts(cfg: Config) -> List[str]:
    """Find parts of inherited methods that the config does not use.

    A file of ``_base_/methods/`` only names them; the config that inherits
    from it says where they go. Without that it trains, and by another method.

    Args:
        cfg (Config): Read from a file.

    Returns:
        list[str]: One sentence for each.
    """
    folder = shipped_root() / 'configs/_base_/methods'
    used = set(_types([cfg.get(key) for key in (
        'model', 'train_cfg', 'optim_wrapper', 'custom_hooks')]))
    problems = {}
    # MMEngine puts the name of each file that it reads above its text.
    for path in map(Path, cfg.text.split('\n')):
        parts = Config.fromfile(path) if path.parent == folder else {}
        for name, part in parts.items():
            types = set(_types(part))
            # A head may well be another one, and so may a loop.
            if types and not types & used and not name.endswith(
                    ('_head', 'train_cfg')):
                problems[name] = (
                    f'nothing uses "{name}" of {path.name}, so that this '
                    f'config trains without it; {path.stem}_av_digits.py of '
                    'the package shows where it goes')
    return list(problems.values())


def _types(part: Any) -> Iterator[Any]:
    """What a part of a config builds, at any depth."""
    if isinstance(part, dict):
        if isinstance(part.get('type'), str):
            yield part['type']
        part = list(part.values())
    for inner in part if isinstance(part, (list, tuple)) else ():
        yield from _types(inner)


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
            f'custom_imports: {error}: {error.__context__} (is its folder on '
            'PYTHONPATH?)') from error


def _sentence(path: str, key: str, owner: str, meant: str) -> str:
    where = f'{path}.{key}' if path else key
    return f'{owner} does not read {where}; did you mean {meant}?'


def _sections(cfg: Config, top_level: Set[str]) -> Iterator[Tuple[str, dict]]:
    """Every dict that may be read, with its path; helpers are left out."""
    yield '', cfg
    waiting = [(key, cfg[key]) for key in cfg if key in top_level]
    items: Iterable[Tuple[Any, Any]]
    while waiting:
        path, item = waiting.pop(0)
        if isinstance(item, dict):
            yield path, item
            items = item.items()
        elif isinstance(item, (list, tuple)):
            items = enumerate(item)
        else:
            continue
        waiting += [(f'{path}.{key}', value) for key, value in items]


class Readers:
    """Who reads a section of a config, and which keys.

    Args:
        cfg (Config): The whole.
    """

    def __init__(self, cfg: Config) -> None:
        # Here and not above: they are slow to import.
        import torch.utils.data
        from mmengine import registry, runner
        from mmengine.optim import OptimWrapper

        import mmbalance_plugin.registry  # noqa: F401
        import_custom_modules(cfg)
        self.scope = cfg.get('default_scope') or 'mmengine'
        self.registries = [
            value for value in vars(registry).values()
            if isinstance(value, registry.Registry)
        ]
        self.top_level = accepted(runner.Runner) | TOP_LEVEL
        loops = runner.EpochBasedTrainLoop, runner.IterBasedTrainLoop
        by_epoch = (cfg.get('train_cfg') or {}).get('by_epoch', True)
        loader = accepted(torch.utils.data.DataLoader) | LOADER
        self.sections = {
            **SECTIONS,
            'train_cfg': accepted(loops[not by_epoch]) | {'by_epoch'},
            'val_cfg': accepted(runner.ValLoop),
            'test_cfg': accepted(runner.TestLoop),
            'log_processor': accepted(runner.LogProcessor),
            'randomness': accepted(runner.Runner.set_randomness),
            'optim_wrapper': accepted(OptimWrapper) | BUILDING,
            **{f'{split}_dataloader': loader
               for split in ('train', 'val', 'test')},
        }

    def of(self, path: str, section: dict) -> Tuple[Set[str], str]:
        """Keys that are read of a section, and by whom.

        Args:
            path (str): Dotted; '' for the config itself.
            section (dict): Its content.

        Returns:
            tuple[set[str], str]: No keys if nobody is known to read it.
        """
        if path == '':
            return self.top_level, 'the runner'
        if path.endswith('paramwise_cfg'):
            return PARAMWISE, 'the optim wrapper constructor'
        kinds = self._named(section.get('type'), section.get('_scope_'))
        if kinds:
            return (BUILDING.union(*map(accepted, kinds)),
                    getattr(kinds[0], '__name__', str(kinds[0])))
        if 'type' in section:
            return set(), 'what it builds'
        return self.sections.get(path, set()), 'MMEngine'

    def _named(self, name: Any, scope: Optional[str]) -> List[Callable]:
        """Every class or function that a type may be, of any registry."""
        if not isinstance(name, str):
            return [name] if callable(name) else []
        prefix, dot, rest = name.partition('.')
        names = [(prefix, rest)] if dot else [(scope or self.scope, name),
                                              ('mmengine', name)]
        found = []
        for registry in self.registries:
            for place, key in names:
                node = registry if place == 'mmengine' else \
                    registry.children.get(place)
                if node is None:
                    continue
                try:
                    node.import_from_location()
                except ModuleNotFoundError as error:
                    # MMAction2 names places that do not exist for
                    # registries that nobody uses.
                    if error.name not in node._locations:
                        raise
                if key in node.module_dict:
                    found.append(node.module_dict[key])
        return found


def accepted(kind: Callable) -> Set[str]:
    """Names of the arguments that a class or a function takes.

    Args:
        kind (Callable): Where ``**kwargs`` are passed on, so are the
            arguments of the classes it inherits from.

    Returns:
        set[str]: Without self.
    """
    names: Set[str] = set()
    makers = [base.__dict__['__init__'] for base in kind.__mro__[:-1]
              if '__init__' in base.__dict__] if inspect.isclass(kind) else [
                  kind]
    for maker in makers:
        parameters = inspect.signature(maker).parameters.values()
        names.update(p.name for p in parameters
                     if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
        if all(p.kind != p.VAR_KEYWORD for p in parameters):
            break
    return names - {'self'}
