"""From a config to a runner."""
import argparse
import contextlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Iterator, List, Optional

from mmengine.config import Config

from mmbalance_plugin.compat import config_packages, find_latest_checkpoint
from mmbalance_plugin.shipped import find_config
from mmbalance_plugin.utils.work_dir import refuse_finished

from .command import Interrupted, UsageError
from .config_keys import (
    import_custom_modules,
    refuse_near_misses,
    unmatched_keys,
    unread_keys,
    unused_parts,
)
from .environment import (
    quiet_console,
    require_deterministic_cublas,
    require_launched,
    require_writable,
)
from .near import near
from .ranks import speaks

if TYPE_CHECKING:
    from mmengine.runner import Runner

def load_config(name: str, cfg_options: Optional[dict] = None) -> Config:
    """Read a config and apply overrides.

    Modules that it names in ``custom_imports`` are imported by
    :func:`build_runner`, so that mistakes on the command line are told
    before the slow imports.

    Args:
        name (str): See :func:`mmbalance_plugin.shipped.find_config`.
        cfg_options (dict, optional): Overrides by dotted key. Defaults to
            None.

    Returns:
        Config: With ``work_dir`` set, ``./work_dirs/<config name>`` unless
        the config or the overrides say otherwise.

    Raises:
        FileNotFoundError: There is no such config.
        UsageError: It cannot be read, or the overrides do not fit it.
    """
    config_packages.install()
    path = find_config(name)
    if path.suffix not in ('.py', '.json', '.yaml', '.yml'):
        raise UsageError(f'{path} is no config: they end with .py')
    with _naming(str(path)):
        cfg = Config.fromfile(path, import_custom_modules=False)
    if cfg_options:
        refuse_near_misses(cfg, cfg_options)
        with _naming('--cfg-options'):
            cfg.merge_from_dict(cfg_options)
    for problem in filter(speaks, unused_parts(cfg)):
        print(f'warning: {path}: {problem}', file=sys.stderr)
    if cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('.', 'work_dirs', path.stem)
    return cfg


@contextlib.contextmanager
def _naming(what: str) -> Iterator[None]:
    """Say where an error comes from; a config is code and raises anything."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        line = traceback.format_exception_only(error)[-1].strip()
        raise UsageError(f'{what}: {line}') from error


def apply_train_args(cfg: Config, args: argparse.Namespace) -> Config:
    """Write the flags of ``tools/train.py`` into a config.

    Args:
        cfg (Config): Changed in place.
        args (Namespace): With ``work_dir``, ``resume``, ``amp``,
            ``no_validate``, ``auto_scale_lr``, ``seed``,
            ``diff_rank_seed``, ``deterministic``, ``overwrite`` and
            ``launcher``.

    Returns:
        Config: The same config.

    Raises:
        ValueError: A flag asks for what the config does not have, or a
            finished run would be replaced.
        FileNotFoundError: The checkpoint to resume from is gone.
    """
    cfg.launcher = args.launcher
    cfg.setdefault('load_strict', True)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        enable_amp(cfg)
    if args.auto_scale_lr:
        scale = cfg.get('auto_scale_lr')
        if not scale or 'base_batch_size' not in scale:
            raise ValueError(
                '--auto-scale-lr needs the batch size that the learning '
                'rate was chosen for: auto_scale_lr=dict(base_batch_size='
                '...) in the config')
        scale.enable = True
    if args.resume == 'auto':
        # MMEngine would drop load_from where there is nothing to resume yet.
        cfg.resume = (find_latest_checkpoint(cfg.work_dir) is not None
                      or not cfg.get('load_from'))
        cfg.load_from = None if cfg.resume else cfg.load_from
    elif args.resume is not None:
        cfg.resume, cfg.load_from = True, args.resume
    if args.overwrite:
        cfg.overwrite = True
    if not cfg.get('resume') and not cfg.get('overwrite'):
        refuse_finished(cfg.work_dir)
    randomness = {'seed': None, **(cfg.get('randomness') or {})}
    if args.seed is not None:
        randomness['seed'] = args.seed
    for flag in ('diff_rank_seed', 'deterministic'):
        if getattr(args, flag):
            randomness[flag] = True
    cfg.randomness = randomness
    return cfg


def enable_amp(cfg: Config) -> None:
    """Turn the config's optim wrappers into their mixed-precision forms.

    Args:
        cfg (Config): Changed in place; ``optim_wrapper`` and, where a stage
            of a staged loop names a wrapper of its own, that one too.

    Raises:
        ValueError: A wrapper has no such form.
    """
    # Here and not above: it imports the optim wrappers, which register.
    from mmbalance_plugin.engine.gradients import to_amp
    cfg.optim_wrapper = to_amp(cfg.optim_wrapper)
    stages: List[dict] = (cfg.get('train_cfg') or {}).get('stages') or []
    for stage in stages:
        if 'type' in (stage.get('optim_wrapper') or {}):
            stage['optim_wrapper'] = to_amp(stage['optim_wrapper'])


def build_runner(cfg: Config) -> 'Runner':
    """Build the runner a config asks for.

    Args:
        cfg (Config): A ``runner_type`` names a runner of the registries,
            else it is MMEngine's.

    Returns:
        Runner: Ready to train or test.

    Raises:
        OSError: The work dir cannot be written to, or the checkpoint to
            start from is not there.
        UsageError: The config has no model or an unknown optimiser, or a
            module that it names in ``custom_imports`` cannot be imported.
        ValueError: What should have started the process did not.
        NotImplementedError: See :func:`require_supported`.
    """
    if 'model' not in cfg:
        raise UsageError(f'{cfg.filename} has no model')
    require_launched(cfg.get('launcher', 'none'))
    if cfg.get('load_from'):
        require_checkpoint(cfg.load_from)
    require_writable(cfg.work_dir)
    if (cfg.get('randomness') or {}).get('deterministic'):
        require_deterministic_cublas()
    # Applies the shims before the Runner imports anything of MMAction2.
    import mmbalance_plugin.registry  # noqa: F401
    import_custom_modules(cfg)
    require_supported(cfg)
    require_training(cfg)
    require_optimizer(cfg)
    require_whole_numbers(cfg)
    problems = unread_keys(cfg)
    if cfg.get('launcher', 'none') != 'none':
        # The model's own training step, under MMEngine's loops as well.
        from mmbalance_plugin.engine.steps.distributed import stepping_wrapper
        cfg.model_wrapper_cfg = stepping_wrapper(cfg)
    from mmaction.registry import RUNNERS
    from mmengine.runner import Runner
    try:
        with quiet_console():
            build = RUNNERS.build if 'runner_type' in cfg else Runner.from_cfg
            runner = build(cfg)
    except Exception:
        # Often because of them.
        for problem in filter(speaks, problems):
            print(f'warning: {problem}', file=sys.stderr)
        raise
    for problem in problems + unmatched_keys(cfg, runner.model):
        runner.logger.warning(problem)
    runner.logger.info(f'Environment, config and log are in {runner.log_dir}')
    return runner


def require_supported(cfg: Config) -> None:
    """Refuse runners and wrappers that this package does not train with.

    Raises:
        NotImplementedError: The config asks for one; says what to take out.
    """
    from mmbalance_plugin.engine.support import (
        require_runner,
        require_wrapper,
    )
    flexible = 'FlexibleRunner' if cfg.get('strategy') else None
    require_runner(cfg.get('runner_type', flexible), 'mmbalance_plugin')
    wrapper = cfg.get('model_wrapper_cfg') or {}
    require_wrapper(wrapper.get('type'), 'mmbalance_plugin')


def require_training(cfg: Config) -> None:
    """Refuse a part of what training takes, which MMEngine prints whole.

    Raises:
        UsageError: Names what there is not.
    """
    parts = ('train_dataloader', 'train_cfg', 'optim_wrapper')
    missing = [part for part in parts if cfg.get(part) is None]
    if 0 < len(missing) < len(parts):
        raise UsageError(
            f'{cfg.filename} has no {" and no ".join(missing)}: inherit from '
            "a method, such as 'mmbalance_plugin::_base_/methods/udi.py', "
            'beside what your data fix')


def require_optimizer(cfg: Config) -> None:
    """Refuse a mistyped optimiser, of which MMEngine only says ``None``.

    Raises:
        UsageError: Nothing of that name is registered.
    """
    from mmaction.registry import OPTIMIZERS
    wrapper = cfg.get('optim_wrapper') or {}
    name = (wrapper.get('optimizer') or {}).get('type')
    if isinstance(name, str) and OPTIMIZERS.get(name) is None:
        meant = near(name, OPTIMIZERS.root.module_dict)
        hint = f'; did you mean {meant}?' if meant else ''
        raise UsageError('optim_wrapper.optimizer: no optimiser is called '
                         f'{name}{hint}')


def require_whole_numbers(cfg: Config) -> None:
    """Refuse counts that PyTorch's loader refuses without naming the key.

    Raises:
        UsageError: A loader's batch_size or num_workers, or the micro-batches
            of an update, are none.
    """
    for section, key, least in (
            *((f'{split}_dataloader', key, least)
              for split in ('train', 'val', 'test')
              for key, least in (('batch_size', 1), ('num_workers', 0))),
            ('optim_wrapper', 'accumulative_counts', 1)):
        value = (cfg.get(section) or {}).get(key, least)
        if not isinstance(value, int) or value < least:
            raise UsageError(f'{section}.{key}={value!r}: a whole number from '
                             f'{least} on is needed')


@contextlib.contextmanager
def runner_of(cfg: Config) -> Iterator['Runner']:
    """:func:`build_runner`, leaving the process group when it has run.

    Raises:
        Interrupted: Ctrl-C, with what a training run can go on from.
    """
    runner = None
    try:
        runner = build_runner(cfg)
        yield runner
    except KeyboardInterrupt as stop:
        raise Interrupted(how_to_resume(runner)) from stop
    import torch.distributed
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def how_to_resume(runner: Optional['Runner']) -> str:
    """What an interrupted run, if it was built, can go on from, and how;
    empty if no training was interrupted."""
    if runner is None or runner._train_loop is None:
        return ''
    last = find_latest_checkpoint(runner.work_dir)
    if last is None:
        return f'nothing is saved in {runner.work_dir} yet'
    return f'the same command with --resume goes on from {last}'


def require_checkpoint(path: str) -> None:
    """See to it that a checkpoint is there, as far as it is a file.

    Raises:
        FileNotFoundError: It is not.
    """
    if '://' not in path and not os.path.isfile(path):
        raise FileNotFoundError(f'there is no checkpoint {path}')
