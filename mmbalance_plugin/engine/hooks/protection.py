"""Runs in a work dir are not replaced without a word."""
import json
import os.path as osp

from mmengine.dist import is_main_process

from ...compat import POINTER
from ...evaluation.predictions import FILENAME
from ...utils.work_dir import SUMMARY, refuse_finished, remove_if_there
from .selected import ALIAS, ASSEMBLED


def is_resumed(runner) -> bool:
    """Whether a run that is about to train goes on with another's steps."""
    return runner.iter > 0


def protect_work_dir(runner) -> None:
    """Refuse to replace a finished run; tell where others are replaced.

    To be called before training writes anything, on all ranks, by whatever
    writes; a second call finds nothing left to say. ``overwrite=True`` in
    the config lets a finished run be replaced.

    Raises:
        FinishedRunError: The work dir holds a finished run, and there is
            something to train.
    """
    folder, log = runner.work_dir, runner.logger
    summary = osp.join(folder, SUMMARY)
    if osp.isfile(summary):
        if is_resumed(runner) and not _steps_left(runner, summary):
            log.warning(f'{folder} holds a finished run with nothing left to '
                        'train: its model is assembled and tested again')
            return
        if not runner.cfg.get('overwrite', False):
            refuse_finished(folder, 'going on with it' if is_resumed(runner)
                            else 'a new run')
        if is_main_process():
            for name in (SUMMARY, FILENAME, ALIAS, ASSEMBLED):
                remove_if_there(osp.join(folder, name))
    pointer = osp.join(folder, POINTER)
    if is_resumed(runner) or not osp.isfile(pointer):
        return
    with open(pointer, encoding='utf-8') as file:
        last = file.read().strip()
    if not runner.cfg.get('overwrite', False):
        log.warning(f'{folder} holds an interrupted run, which this new one '
                    f'replaces file by file; to go on with it, stop and say '
                    f'--resume {osp.join(folder, last)}')
    if is_main_process():  # so that --resume means this run from here on
        remove_if_there(pointer)


def _steps_left(runner, summary: str) -> bool:
    """Whether a resumed run has more to train than its summary tells of."""
    try:
        with open(summary, encoding='utf-8') as file:
            stages = json.load(file)['stages']
    except (ValueError, KeyError, TypeError):
        return True
    if not stages:  # of a loop without stages
        return runner.iter < runner.max_iters
    return runner.epoch < sum(stage['epochs'] for stage in stages)
