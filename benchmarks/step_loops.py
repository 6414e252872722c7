"""Training loops that can be advanced a few steps at a time."""
import math
from typing import Dict, Optional, Sequence

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_distributed
from mmengine.hooks import Hook
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from torch import Tensor

from mmbalance_plugin.registry import DATASETS, MODELS


class BareLoop:
    """What one would write for tensors in memory: the yardstick.

    Model, loss and optimiser, over batches indexed from two tensors and
    their labels, on the device that a run would take. Nothing is checked,
    counted, scheduled or logged.

    Args:
        cfg (Config): Of a joint or unimodal run.
        modalities (Sequence[str], optional): With these only, each under a
            loss of its own branch. Defaults to None: the fused loss.
    """

    def __init__(self,
                 cfg: Config,
                 modalities: Optional[Sequence[str]] = None) -> None:
        # Weights are drawn with a report of every single one.
        if not MMLogger.check_instance_created('benchmark_bare'):
            MMLogger.get_instance('benchmark_bare', log_level='WARNING')
        loader = cfg.train_dataloader
        with DefaultScope.overwrite_default_scope('mmaction'):
            model = MODELS.build(cfg.model)
            model.init_weights()
            dataset = DATASETS.build(loader.dataset)
        device = get_device()
        model.to(device).train()
        self.model = model
        self.alone = modalities is not None
        self.encoders = {
            m: model.encoders[m]
            for m in modalities or model.modalities
        }
        self.inputs = {m: dataset.inputs[m].to(device) for m in self.encoders}
        self.labels = dataset.labels.to(device)
        options = dict(cfg.optim_wrapper.optimizer)
        optimizer = getattr(torch.optim, options.pop('type'))
        self.optimizer = optimizer(self._parameters(), **options)
        order = torch.randperm if loader.sampler.shuffle else torch.arange
        index = order(len(dataset), device=device)
        self._batches = iter(index.split(loader.batch_size))

    def _parameters(self) -> list:
        if not self.alone:
            return list(self.model.parameters())
        return [p for m in self.encoders
                for p in self.model.modality_modules(m).parameters()]

    def advance(self, steps: int) -> None:
        """Take some steps.

        Raises:
            StopIteration: The epoch is over.
        """
        head, encoders, inputs = self.model.head, self.encoders, self.inputs
        for _ in range(steps):
            index = next(self._batches)
            targets = self.labels[index]
            features = {
                m: encoder(inputs[m][index])
                for m, encoder in encoders.items()
            }
            if self.alone:
                loss = sum(
                    F.cross_entropy(head.branches[m](features[m]), targets)
                    for m in features)
            else:
                loss = F.cross_entropy(head(features), targets)
            self.optimizer.zero_grad()
            loss.backward()
            self._modulate(features, targets)
            self.optimizer.step()

    def _modulate(self, features: Dict[str, Tensor],
                  targets: Tensor) -> None:
        """Leave the gradients alone."""


class BareOGMGE(BareLoop):
    """OGM-GE step by step as in its released code, for two modalities.

    Scores are summed sample by sample, each from a softmax of the batch;
    ratio and coefficient are numbers on the host; each convolution's
    gradient is replaced by a scaled one plus noise drawn for it alone.

    Args:
        cfg (Config): Of a run with OGM.
    """

    def __init__(self, cfg: Config) -> None:
        super().__init__(cfg)
        self.alpha = cfg.optim_wrapper.alpha

    def _modulate(self, features: Dict[str, Tensor],
                  targets: Tensor) -> None:
        logits = self.model.head.unimodal_logits(features)
        first, second = (
            sum(values.softmax(1)[i][targets[i]]
                for i in range(len(targets))).item()
            for values in logits.values())
        for encoder, ratio in zip(self.encoders.values(),
                                  (first / second, second / first)):
            scale = 1 - math.tanh(self.alpha * ratio) if ratio > 1 else 1.
            for weight in encoder.parameters():
                grad = weight.grad
                if grad.dim() == 4:
                    noise = torch.zeros_like(grad).normal_(
                        0, grad.std().item() + 1e-8)
                    weight.grad = grad * scale + noise


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
        if is_distributed():
            cfg.launcher = 'pytorch'
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
