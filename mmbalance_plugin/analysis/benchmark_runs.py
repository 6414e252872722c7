"""Training loops that can be advanced a few steps at a time."""
import threading
from typing import Iterator, Optional, Sequence

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from torch import nn

from ..registry import MODELS


class PlainLoop:
    """What one would write without a framework: the yardstick.

    It uses the framework run's own model, data loader, preprocessing and
    optimiser class, and nothing of MMEngine's runner, hooks or wrappers.

    Args:
        cfg (Config): Of a joint or unimodal run.
        modalities (Sequence[str], optional): With these only, each under a
            loss of its own branch. Defaults to None: the fused loss.
    """

    def __init__(self,
                 cfg: Config,
                 modalities: Optional[Sequence[str]] = None) -> None:
        # Weights are drawn with a report of every single one.
        MMLogger.get_instance('benchmark_plain', log_level='WARNING')
        with DefaultScope.overwrite_default_scope('mmaction'):
            self.model = MODELS.build(cfg.model)
            self.model.init_weights()
            self.loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
        self.model.train()
        self.modalities = modalities
        options = dict(cfg.optim_wrapper.optimizer)
        optimizer = getattr(torch.optim, options.pop('type'))
        self.optimizer = optimizer(self._parameters(), **options)
        self._batches: Iterator = iter(())

    def _parameters(self) -> list:
        if self.modalities is None:
            return list(self.model.parameters())
        parts = nn.ModuleList(
            self.model.modality_modules(m) for m in self.modalities)
        return list(parts.parameters())

    def advance(self, steps: int) -> None:
        """Take some steps."""
        for _ in range(steps):
            try:
                batch = next(self._batches)
            except StopIteration:
                self._batches = iter(self.loader)
                batch = next(self._batches)
            self._step(batch)

    def _step(self, batch: dict) -> None:
        model = self.model
        batch = model.data_preprocessor(batch, True)
        device = next(model.parameters()).device
        targets = torch.cat([s.gt_label
                             for s in batch['data_samples']]).to(device)
        names = self.modalities or model.modalities
        features = {m: model.encoders[m](batch['inputs'][m]) for m in names}
        if self.modalities is None:
            loss = F.cross_entropy(model.head(features), targets)
        else:
            loss = sum(
                F.cross_entropy(model.head.branches[m](features[m]), targets)
                for m in names)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def close(self) -> None:
        """Nothing to end."""


class _Stop(Exception):
    """Ends a run that is no longer needed."""


class _GateHook(Hook):
    """Lets a run pass only as many steps as it was told to."""

    priority = 'LOWEST'

    def __init__(self, run: 'FrameworkRun', stage: Optional[str]) -> None:
        self.run = run
        self.stage = stage

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch=None,
                         outputs=None) -> None:
        """Wait here once the steps are taken."""
        if self.stage is not None and \
                not runner.train_loop.stage.name.startswith(self.stage):
            return
        self.run.left -= 1
        if self.run.left <= 0:
            self.run.wait()


class FrameworkRun:
    """``Runner.train()``, whole and unchanged, a few steps at a time.

    The run lives in a thread of its own, which works only while
    :meth:`advance` waits for it; so several runs in one process take turns.

    Args:
        cfg (Config): Of the run.
        name (str): Unique in the process.
        stage (str, optional): Steps count only in stages whose name begins
            with this; what comes before is run through. Defaults to None:
            any stage.
    """

    def __init__(self,
                 cfg: Config,
                 name: str,
                 stage: Optional[str] = None) -> None:
        self.name = cfg.experiment_name = f'benchmark_{name}'
        self.left = 1
        self._error: Optional[BaseException] = None
        self._closing = False
        self._go = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self.runner = Runner.from_cfg(cfg)
        self.runner.register_hook(_GateHook(self, stage))
        self._threads = torch.get_num_threads()
        self._thread = threading.Thread(target=self._train, daemon=True)
        self._started = False

    def advance(self, steps: int) -> None:
        """Take some steps.

        Raises:
            RuntimeError: The run ended or failed.
        """
        if self._error is not None:
            raise RuntimeError(f'{self.name}: the run has ended'
                               ) from self._error
        make_current(self.name)
        self.left = steps
        if self._started:
            self._go.release()
        else:
            self._started = True
            self._thread.start()
        self._done.acquire()
        if self._error is not None:
            raise RuntimeError(f'{self.name}: the run has ended'
                               ) from self._error

    def wait(self) -> None:
        """Called in the run's thread: hand over until there is more."""
        self._done.release()
        self._go.acquire()
        if self._closing:
            raise _Stop

    def close(self) -> None:
        """End the run where it stands."""
        self._closing = True
        if self._thread.is_alive():
            self._go.release()
            self._thread.join()

    def _train(self) -> None:
        # The number of threads is a setting of each thread's own.
        torch.set_num_threads(self._threads)
        try:
            self.runner.train()
            raise _Stop('all of its epochs are over')
        except BaseException as error:  # handed to the waiting thread
            self._error = error
            self._done.release()


def make_current(name: str) -> None:
    """Make a run's hub, logger, scope and visualizer the current ones.

    MMEngine takes the latest one made for the current one.

    Args:
        name (str): The run's experiment name.
    """
    for manager in (MessageHub, MMLogger, DefaultScope, Visualizer):
        if name in manager._instance_dict:
            manager._instance_dict.move_to_end(name)
