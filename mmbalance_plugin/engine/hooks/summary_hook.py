"""``summary.json``: what a run found and what it cost."""
import json
import os.path as osp
import subprocess
from dataclasses import replace
from typing import Any, Dict, Iterator, Optional, Sequence, Tuple

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from torch.utils.flop_counter import FlopCounterMode

from ...evaluation import MultimodalMetric, Predictions, save_predictions
from ...models.wrappers import recognizer_of
from ...registry import HOOKS
from ...utils.files import write_atomic
from ...utils.work_dir import SUMMARY
from ...version import __version__
from ..scalars import plain_json, scalars
from ..support import require_supported
from .protection import protect_work_dir
from .run_cost import RunCost
from .selected import best_files, file_of, point_alias

_STATE_KEY = 'run_summary'


@HOOKS.register_module()
class SummaryHook(Hook):
    """Test the weights chosen on validation once, and sum the run up.

    When training ends the model with its selected weights is run over the
    test data: the assembled model of a staged loop, which is in place, else
    the best validated weights, by the first metric of ``save_best``. They
    are a file of the work dir, which ``tools/test.py`` tests to the same
    numbers; the summary names it under ``checkpoint``, and ``best.pth``
    links to it. ``val.best`` is this file's validation, ``val.last`` that of
    the last weights that predicted with all modalities. Metrics, stages and
    cost go to ``summary.json``, written atomically, and a small table to the
    log. Test data chooses nothing. Without validation nothing was selected,
    so nothing is tested. What the cost counts: docs/runs.md.

    Where a :class:`~mmbalance_plugin.evaluation.MultimodalMetric` evaluates,
    what it saw of validation and test goes to ``predictions.npz``: targets,
    probabilities and what samples were made from.
    """

    # Before checkpoint hooks, whose second file of an epoch is written
    # after its validation and must hold this hook's view of it.
    priority = 'LOW'

    def __init__(self) -> None:
        self.cost = RunCost()
        self.last_val: Dict[str, float] = {}
        self._flops: Optional[FlopCounterMode] = None
        self._flops_inference: Optional[int] = None

    # ---- counting ------------------------------------------------------
    def before_train(self, runner) -> None:
        require_supported(runner, type(self).__name__)
        protect_work_dir(runner)
        self.cost.start(
            recognizer_of(runner.model),
            lambda: getattr(runner.optim_wrapper, 'optimizer', None))

    def before_train_iter(self, runner, *args, **kwargs) -> None:
        """Count what was encoded between two steps."""
        self.cost.keep()

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        """Count what was encoded in the step."""
        self.cost.keep()
        if _saves_now(runner):
            self.cost.reduce()

    def after_train_epoch(self, runner) -> None:
        """Before the epoch's checkpoint is written."""
        self.cost.reduce()
        self.cost.add_estimators(
            getattr(recognizer_of(runner.model), 'terms', ()))

    def before_uncounted(self, runner) -> None:
        """Passes follow that are no training; validation is none either."""
        self.cost.keep()

    before_val_epoch = before_uncounted

    def after_uncounted(self, runner) -> None:
        """Those passes are over."""
        self.cost.discard()

    def after_val_epoch(self,
                        runner,
                        metrics: Optional[Dict[str, Any]] = None) -> None:
        """Keep the latest metrics."""
        self.cost.discard()
        self.last_val = scalars(metrics or {})

    def before_test_iter(self, runner, *args, **kwargs) -> None:
        """Count the operations of the first batch, at the end of a run."""
        if self._flops is not None:
            self._flops.__enter__()

    def after_test_iter(self,
                        runner,
                        batch_idx: int,
                        data_batch: Any = None,
                        outputs: Sequence = ()) -> None:
        """They are counted."""
        if self._flops is not None:
            self._flops.__exit__(None, None, None)
            self._flops_inference = (
                self._flops.get_total_flops() // max(len(outputs), 1))
            self._flops = None

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint[_STATE_KEY] = dict(
            self.cost.state_dict(), last_val=dict(self.last_val))

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        state = checkpoint.get(_STATE_KEY)
        if runner._resume and state is not None:
            self.cost.load_state_dict(state)
            self.last_val = dict(state['last_val'])

    # ---- the end of a run ----------------------------------------------
    def after_train(self, runner) -> None:
        """Select, test, write."""
        self.cost.reduce()
        loop, model = runner.train_loop, recognizer_of(runner.model)
        cost = self.cost.report(model)
        self.cost.stop()
        last, best = dict(self.last_val), {}
        checkpoint = None
        if getattr(loop, 'assembled_metrics', None):
            best = scalars(loop.assembled_metrics)
            # Of the last epoch, if its stage had all modalities: numbers of
            # different weights are never put together.
            ended = loop.records[-1]['last']
            last = dict(ended if best.keys() <= ended.keys() else best)
            checkpoint = file_of(runner, model)
        elif runner.val_loop is not None:
            # Rank 0 writes these files, and says when they are there.
            files = [next(iter(best_files(runner).values()), None)]
            broadcast_object_list(files)
            checkpoint, = files
            best = self._load_best(runner, checkpoint)
        test: Dict[str, float] = {}
        if best and runner._test_loop is not None:
            self._flops = FlopCounterMode(display=False)
            test = scalars(runner.test_loop.run())
            cost['flops_inference'] = self._flops_inference
        if not is_main_process():
            return
        extra = loop.summary() if hasattr(loop, 'summary') else {}
        summary = dict(
            config=runner.cfg.filename,
            seed=runner.seed,
            commit=_commit(),
            anchor=extra.pop('anchor', None),
            **extra,
            stages=getattr(loop, 'records', []),
            val=dict(last=last, best=best),
            test=test,
            checkpoint=None,
            cost=cost)
        if checkpoint is not None:
            point_alias(runner.work_dir, checkpoint)
            summary['checkpoint'] = osp.relpath(checkpoint, runner.work_dir)
        if best:
            save_predictions(runner.work_dir, dict(_predictions(
                val=runner.val_loop,
                **dict(test=runner.test_loop) if test else {})))
        path = osp.join(runner.work_dir, SUMMARY)
        text = json.dumps(plain_json(summary), indent=2, allow_nan=False)
        write_atomic(path, [f'{text}\n'.encode()])
        runner.logger.info('\n' + format_table(summary))
        runner.logger.info(f'Summary written to {path}')

    def _load_best(self, runner, path: Optional[str]) -> Dict[str, float]:
        """Put the best checkpoint's weights in, for loops that do not."""
        if path is None:
            runner.logger.warning(
                'No best checkpoint was kept (save_best), so nothing was '
                'selected on validation and nothing is tested')
            return {}
        # The runner's way, so that hooks with weights of their own (EMA)
        # take the file's too.
        runner.load_checkpoint(path, map_location='cpu')
        return scalars(runner.val_loop.run())


def _predictions(**loops) -> Iterator[Tuple[str, Predictions]]:
    """What the metrics of some loops have last seen."""
    for split, loop in loops.items():
        for metric in loop.evaluator.metrics:
            seen = isinstance(metric, MultimodalMetric) and \
                metric.predictions()
            if seen:
                ids = getattr(loop.dataloader.dataset, 'ids', {})
                yield split, replace(seen, ids=dict(ids))
                break


def format_table(summary: Dict[str, Any]) -> str:
    """A summary's accuracies as a small table of percentages."""
    best, test = summary['val']['best'], summary['test']
    stem, title = 'acc/top1', 'top-1 %'
    if not any(key.startswith(stem) for key in best):
        stem, title = 'acc/mAP', 'mAP %'
    rows = [k for k in best if k == stem or k.startswith(stem + '_')]
    lines = [f'{"prediction":<20}{"val " + title:>12}'
             f'{"test " + title:>13}']
    for key in rows:
        name = 'fused' if key == stem else key[len(stem) + 1:]
        if name == summary['anchor']:
            name += ' (anchor)'
        cells = [f'{100 * source[key]:.2f}' if key in source else '-'
                 for source in (best, test)]
        lines.append(f'{name:<20}{cells[0]:>12}{cells[1]:>13}')
    cost = summary['cost']
    lines.append(f'{cost["optimizer_steps"]} optimiser steps, '
                 f'{cost["wall_seconds"]:.0f} s, seed {summary["seed"]}')
    return '\n'.join(lines)


def _saves_now(runner) -> bool:
    """Whether a checkpoint follows within an epoch, after this iteration."""
    return any(
        isinstance(hook, CheckpointHook) and not hook.by_epoch and
        (hook.every_n_train_iters(runner, hook.interval, hook.save_begin)
         or hook.is_last_train_iter(runner)) for hook in runner.hooks)


def _commit() -> str:
    """Commit of the package's checkout, '+' where it was changed since.

    Of an installed copy, the tag of its version.
    """
    here = osp.dirname(osp.abspath(__file__))
    try:
        # An installed copy may lie inside somebody else's repository.
        _git(here, 'ls-files', '--error-unmatch', osp.basename(__file__))
        commit = _git(here, 'rev-parse', '--short=12', 'HEAD')
        return commit + ('+' if _git(here, 'status', '--porcelain',
                                     '--untracked-files=no') else '')
    except (OSError, subprocess.CalledProcessError):
        return f'v{__version__}'


def _git(folder: str, *args: str) -> str:
    return subprocess.run(['git', *args],
                          cwd=folder,
                          check=True,
                          capture_output=True,
                          text=True).stdout.strip()
