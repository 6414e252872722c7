"""Training loops that can be advanced a few steps at a time."""
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

from mmbalance_plugin.registry import MODELS


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
        if not MMLogger.check_instance_created('benchmark_plain'):
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


class _EpochBegins(Exception):
    """Leaves ``Runner.train`` where an epoch's first batch is due."""


class _GateHook(Hook):
    """Ends the preparations once the wanted stage's epoch begins."""

    priority = 'LOWEST'

    def __init__(self, stage: Optional[str]) -> None:
        self.stage = stage

    def before_train_epoch(self, runner) -> None:
        """Leave."""
        name = runner.train_loop.stage.name
        if self.stage is None or name.startswith(self.stage):
            raise _EpochBegins


class FrameworkRun:
    """A run of the framework, a few steps at a time.

    ``Runner.train()`` prepares everything and runs earlier stages; from the
    first batch on, batches are handed to the loop's own ``run_iter``, with
    all hooks. No thread of its own: memory is allocated in another way
    there, which would be measured too.

    Args:
        cfg (Config): Of the run.
        name (str): Unique in the process.
        stage (str, optional): Steps are those of the first stage whose name
            begins with this. Defaults to None: the first stage.

    Raises:
        ValueError: There is no such stage.
    """

    def __init__(self,
                 cfg: Config,
                 name: str,
                 stage: Optional[str] = None) -> None:
        self.name = cfg.experiment_name = f'benchmark_{name}'
        self.runner = Runner.from_cfg(cfg)
        self.runner.register_hook(_GateHook(stage))
        try:
            self.runner.train()
        except _EpochBegins:
            pass
        else:
            raise ValueError(f'{name}: no stage begins with {stage!r}')
        self.loop = self.runner.train_loop
        self.runner.model.train()
        self._batches = enumerate(self.loop.dataloader)

    def advance(self, steps: int) -> None:
        """Take some steps.

        Raises:
            StopIteration: The epoch is over.
        """
        make_current(self.name)
        for _ in range(steps):
            self.loop.run_iter(*next(self._batches))


def make_current(name: str) -> None:
    """Make a run's hub, logger, scope and visualizer the current ones.

    MMEngine takes the latest one made for the current one.

    Args:
        name (str): The run's experiment name.
    """
    for manager in (MessageHub, MMLogger, DefaultScope, Visualizer):
        if name in manager._instance_dict:
            manager._instance_dict.move_to_end(name)
