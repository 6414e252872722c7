"""The weights that validation has selected, as a file of the work dir."""
import os
import os.path as osp
import shutil
from typing import Dict, Optional

import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import CheckpointLoader
from torch import nn

from ...utils.files import PARTIAL, move_whole

ALIAS = 'best.pth'
ASSEMBLED = 'assembled.pth'


def best_files(runner) -> Dict[str, str]:
    """The files that ``save_best`` keeps, as far as they are there, in its
    order: by the suffix of the message hub's entries, '' for a single metric.
    """
    info = runner.message_hub.runtime_info
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook) or not hook.save_best:
            continue
        keys = hook.key_indicators
        suffixes = [''] if len(keys) == 1 else [f'_{key}' for key in keys]
        paths = {s: info.get(f'best_ckpt{s}') for s in suffixes}
        return {s: p for s, p in paths.items() if p and osp.isfile(p)}
    return {}


def holds(path: str, model: nn.Module) -> bool:
    """Whether a checkpoint's weights are a model's, bit for bit."""
    state = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    saved, own = state['state_dict'], model.state_dict()
    return saved.keys() == own.keys() and all(
        torch.equal(saved[key], value.cpu()) for key, value in own.items())


def forget_others(runner, model: nn.Module) -> bool:
    """Let the next validation be the best one, unless it is that already.

    To be called before an assembled model is validated, on all ranks. The
    best weights so far may be those of a stage that later ones changed: the
    file of the assembled model then takes their place.

    Returns:
        bool: Whether some best weights are others.
    """
    found = [[
        s for s, path in best_files(runner).items()
        if is_main_process() and not holds(path, model)
    ]]
    broadcast_object_list(found)
    for suffix in found[0]:
        runner.message_hub.runtime_info.pop(f'best_score{suffix}')
    return bool(found[0])


def file_of(runner, model: nn.Module) -> Optional[str]:
    """A file that holds a model's weights, on rank 0, where it is written if
    there is none yet; None on others."""
    if not is_main_process():
        return None
    for path in best_files(runner).values():
        if holds(path, model):
            return path
    path = osp.join(runner.work_dir, ASSEMBLED)
    runner.save_checkpoint(
        runner.work_dir,
        ASSEMBLED + PARTIAL,
        save_optimizer=False,
        save_param_scheduler=False,
        meta=dict(epoch=runner.epoch, iter=runner.iter),
        by_epoch=False)
    move_whole(path + PARTIAL, path)
    return path


def point_alias(work_dir: str, path: str) -> None:
    """Let ``best.pth`` of a work dir be a file's other name.

    A relative link, so that the folder may move; a copy where the file lies
    elsewhere or the file system has no links.
    """
    alias = osp.join(work_dir, ALIAS)
    target = osp.relpath(osp.realpath(path), osp.realpath(work_dir))
    if osp.lexists(alias + PARTIAL):
        os.remove(alias + PARTIAL)
    try:
        if target.startswith(osp.pardir):
            raise OSError('not below the work dir')
        os.symlink(target, alias + PARTIAL)
    except OSError:
        shutil.copyfile(path, alias + PARTIAL)
    move_whole(alias + PARTIAL, alias, sync=False)
