"""From a command line to a runner."""
import argparse
import os
from typing import TYPE_CHECKING, List, Optional

from mmengine.config import Config, DictAction

from mmbalance_plugin.compat import find_latest_checkpoint
from mmbalance_plugin.compat.config_packages import (
    install_config_packages_shim,
)
from mmbalance_plugin.shipped import find_config

if TYPE_CHECKING:
    from mmengine.runner import Runner

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def load_config(name: str, cfg_options: Optional[dict] = None) -> Config:
    """Read a config and apply overrides.

    Args:
        name (str): See :func:`mmbalance_plugin.shipped.find_config`.
        cfg_options (dict, optional): Overrides by dotted key. Defaults to
            None.

    Returns:
        Config: With ``work_dir`` set, ``./work_dirs/<config name>`` unless
        the config or the overrides say otherwise.
    """
    install_config_packages_shim()
    path = find_config(name)
    cfg = Config.fromfile(path)
    if cfg_options:
        cfg.merge_from_dict(cfg_options)
    if cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('.', 'work_dirs', path.stem)
    return cfg


def apply_train_args(cfg: Config, args: argparse.Namespace) -> Config:
    """Write the flags of ``tools/train.py`` into a config.

    Args:
        cfg (Config): Changed in place.
        args (Namespace): With ``work_dir``, ``resume``, ``amp``,
            ``no_validate``, ``auto_scale_lr``, ``seed``,
            ``diff_rank_seed``, ``deterministic`` and ``launcher``.

    Returns:
        Config: The same config.

    Raises:
        ValueError: A flag asks for what the config does not have.
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
    randomness = cfg.setdefault('randomness', {})
    if args.seed is not None:
        randomness['seed'] = args.seed
    for flag in ('diff_rank_seed', 'deterministic'):
        if getattr(args, flag):
            randomness[flag] = True
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
    """
    # Applies the shims before the Runner imports anything of MMAction2.
    import mmbalance_plugin.registry  # noqa: F401
    if 'runner_type' in cfg:
        from mmaction.registry import RUNNERS
        return RUNNERS.build(cfg)
    from mmengine.runner import Runner
    return Runner.from_cfg(cfg)


def add_common_args(parser: argparse.ArgumentParser) -> None:
    """Add the flags that every tool with a runner has.

    Args:
        parser (ArgumentParser): Changed in place.
    """
    parser.add_argument(
        '--work-dir', help='folder for logs, checkpoints and results')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override parts of the config, e.g. train_cfg.max_epochs=5 '
        'model.head.type=mmbalance_plugin.SumHead; lists as key="[a,b]"')
    parser.add_argument(
        '--launcher',
        choices=LAUNCHERS,
        default='none',
        help='what started the processes; without a GPU they talk by gloo')
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, default=0,
        help='set by old launchers; the variable LOCAL_RANK goes first')


def parse_args(parser: argparse.ArgumentParser,
               argv: Optional[List[str]] = None) -> argparse.Namespace:
    """Parse, and leave the local rank where MMEngine looks for it.

    Args:
        parser (ArgumentParser): One with the common flags.
        argv (List[str], optional): Defaults to None, the command line.

    Returns:
        Namespace: The arguments.
    """
    args = parser.parse_args(argv)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args
