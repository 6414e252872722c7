"""``summary.json``: what a run found and what it cost."""
import json
import os
import os.path as osp
import resource
import subprocess
import time
from typing import Any, Dict, Optional

import torch
from mmengine.dist import all_reduce, get_world_size, is_main_process
from mmengine.hooks import Hook

from ...registry import HOOKS
from ..scalars import plain_json, scalars

_STATE_KEY = 'run_summary'


@HOOKS.register_module()
class SummaryHook(Hook):
    """Test the weights chosen on validation once, and sum the run up.

    When training ends the model with its selected weights (best validated
    ones; after a staged loop they are already in place) is run over the
    test data. Metrics, stages and cost go to ``summary.json`` in the work
    dir, written atomically, and a small table to the log. Test data chooses
    nothing. Without validation nothing was selected, so nothing is tested.

    The cost counts the whole run, resumed parts included:
    ``optimizer_steps``; ``encoder_samples``, samples each encoder saw while
    training, over all ranks, the anchor's and the controller's passes
    included; ``estimator_steps`` of auxiliary estimators;
    ``wall_seconds`` from start to end of training, validation included;
    ``peak_memory_bytes`` of one process (GPU memory where there is one,
    else resident memory); parameters in training and at inference.

    Args:
        test (bool): Whether to run the test data. Defaults to True.
        filename (str): Defaults to 'summary.json'.
    """

    # Before checkpoint hooks, whose second file of an epoch is written
    # after its validation and must hold this hook's view of it.
    priority = 'LOW'

    def __init__(self,
                 test: bool = True,
                 filename: str = 'summary.json') -> None:
        self.test = test
        self.filename = filename
        self.steps = 0
        self.seconds_before = 0.
        self.peak_before = 0
        self.last_val: Dict[str, float] = {}
        self._begin: Optional[float] = None

    # ---- counting ------------------------------------------------------
    def before_train(self, runner) -> None:
        """Start the clock."""
        self._begin = time.perf_counter()

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch=None,
                         outputs: Optional[dict] = None) -> None:
        """Count updates, not iterations: accumulation makes them differ."""
        self.steps += int(runner.optim_wrapper.should_update())

    def after_val_epoch(self, runner, metrics: Dict[str, Any] = None) -> None:
        """Keep the latest metrics; stages emit different ones."""
        self.last_val.update(scalars(metrics or {}))

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Carry the counters across a resume."""
        checkpoint[_STATE_KEY] = dict(
            steps=self.steps,
            seconds=self._seconds(),
            peak=self._peak(),
            last_val=dict(self.last_val),
            encoded=dict(getattr(_bare(runner), 'encoded', {})))

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Take the counters up again, when resuming."""
        state = checkpoint.get(_STATE_KEY)
        if not runner._resume or state is None:
            return
        self.steps = state['steps']
        self.seconds_before = state['seconds']
        self.peak_before = state['peak']
        self.last_val = dict(state['last_val'])
        model = _bare(runner)
        if hasattr(model, 'encoded'):
            model.encoded.update(state['encoded'])

    def _seconds(self) -> float:
        if self._begin is None:  # saved by hand, outside of training
            return self.seconds_before
        return self.seconds_before + time.perf_counter() - self._begin

    def _peak(self) -> int:
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            now = torch.cuda.max_memory_allocated()
        else:  # kilobytes on Linux
            now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return max(self.peak_before, now)

    # ---- the end of a run ----------------------------------------------
    def after_train(self, runner) -> None:
        """Select, test, write."""
        cost = self._cost(runner)
        loop = runner.train_loop
        last = dict(self.last_val)
        best = scalars(getattr(loop, 'assembled_metrics', None) or {})
        if best:
            # The assembled model was validated last; what the stages' last
            # epochs reached is in their records.
            for record in loop.records:
                last.update(record['last'])
        elif runner.val_loop is not None:
            best = self._load_best(runner)
        test: Dict[str, float] = {}
        if self.test and best and runner._test_loop is not None:
            test = scalars(runner.test_loop.run())
        if not is_main_process():
            return
        extra = loop.summary() if hasattr(loop, 'summary') else {}
        cost['params_train'] += extra.pop('extra_parameters', 0)
        cost['estimator_steps'] = extra.pop('estimator_steps', 0)
        summary = dict(
            config=runner.cfg.filename,
            seed=runner.seed,
            commit=_commit(),
            anchor=extra.pop('anchor', None),
            **extra,
            stages=getattr(loop, 'records', []),
            val=dict(last=last, best=best),
            test=test,
            cost=cost)
        path = osp.join(runner.work_dir, self.filename)
        with open(path + '.partial', 'w') as f:
            json.dump(plain_json(summary), f, indent=2, allow_nan=False)
            f.write('\n')
        os.replace(path + '.partial', path)
        runner.logger.info('\n' + format_table(summary))
        runner.logger.info(f'Summary written to {path}')

    def _load_best(self, runner) -> Dict[str, float]:
        """Put the best checkpoint's weights in, for loops that do not."""
        path = runner.message_hub.runtime_info.get('best_ckpt')
        if path is None or not osp.isfile(path):
            runner.logger.warning(
                'No best checkpoint was kept (save_best), so nothing was '
                'selected on validation and nothing is tested')
            return {}
        # The runner's way, so that hooks with weights of their own (EMA)
        # take the file's too.
        runner.load_checkpoint(path, map_location='cpu')
        return scalars(runner.val_loop.run())

    def _cost(self, runner) -> Dict[str, Any]:
        model = _bare(runner)
        encoded = dict(getattr(model, 'encoded', {}))
        if get_world_size() > 1 and encoded:
            counts = torch.tensor(list(encoded.values()), dtype=torch.float64)
            counts = counts.to(next(model.parameters()).device)
            all_reduce(counts)
            encoded = dict(zip(encoded, map(int, counts.tolist())))
        parameters = sum(p.numel() for p in model.parameters())
        return dict(
            optimizer_steps=self.steps,
            estimator_steps=0,
            encoder_samples=encoded,
            wall_seconds=round(self._seconds(), 3),
            peak_memory_bytes=self._peak(),
            params_train=parameters,
            params_inference=parameters)


def format_table(summary: Dict[str, Any]) -> str:
    """The run's accuracies as a small table of percentages.

    Args:
        summary (dict): As written to ``summary.json``.

    Returns:
        str: One row for the fused prediction and one per modality.
    """
    best, test = summary['val']['best'], summary['test']
    stem = 'acc/top1'
    rows = [k for k in best if k == stem or k.startswith(stem + '_')]
    lines = [f'{"prediction":<20}{"val top-1 %":>12}{"test top-1 %":>13}']
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


def _bare(runner) -> torch.nn.Module:
    return getattr(runner.model, 'module', runner.model)


def _commit() -> Optional[str]:
    """Commit of the package's checkout, '+' where it was changed since."""
    here = osp.dirname(osp.abspath(__file__))
    try:
        # An installed copy may lie inside somebody else's repository.
        _git(here, 'ls-files', '--error-unmatch', osp.basename(__file__))
        commit = _git(here, 'rev-parse', '--short=12', 'HEAD')
        return commit + ('+' if _git(here, 'status', '--porcelain',
                                     '--untracked-files=no') else '')
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: str, *args: str) -> str:
    return subprocess.run(['git', *args],
                          cwd=folder,
                          check=True,
                          capture_output=True,
                          text=True).stdout.strip()
