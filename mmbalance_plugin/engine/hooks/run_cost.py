"""What a run costs, counted in one place whatever the method."""
import copy
import time
from functools import partial
from typing import Any, Callable, Dict, Iterable, Mapping, Optional

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

from ...utils.eager import eager
from ...utils.memory import peak_resident

_STATE = ('steps', 'estimator_steps', 'estimator_parameters', 'samples',
          'seconds', 'peak')


class EncoderTally:
    """Samples that each encoder has seen, by a forward hook on it.

    Every pass counts, whoever makes it. What was counted is moved on by
    :meth:`take` before and after each step. Compiled code hence finds the
    same zeros whenever it starts; a running total would be a guard that
    fails in the next step, and each failure a compilation.
    """

    def __init__(self, encoders: nn.ModuleDict) -> None:
        self.fresh: Dict[str, int] = dict.fromkeys(encoders, 0)
        self._handles = [
            encoder.register_forward_hook(partial(self._count, name))
            for name, encoder in encoders.items()
        ]

    def _count(self, name: str, module, args, output: Tensor) -> None:
        self.fresh[name] += output.shape[0]

    def take(self) -> Dict[str, int]:
        """Return the counts since the last call, and start from zero."""
        taken = dict(self.fresh)
        self.fresh.update(dict.fromkeys(taken, 0))
        return taken

    def remove(self) -> None:
        """Take the hooks off again."""
        for handle in self._handles:
            handle.remove()


class RunCost:
    """The ``cost`` of ``summary.json``.

    Steps, seconds and memory are those of one process, samples those of all
    ranks: each counts its own, and :meth:`reduce` adds them up. Checkpoints
    are written by rank 0 alone and hold the sums, which stay right when the
    run is resumed on another number of ranks.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.estimator_steps = 0
        self.estimator_parameters = 0
        self.samples: Dict[str, int] = {}
        self._own: Dict[str, int] = {}
        self._tally: Optional[EncoderTally] = None
        self._handle: Any = None
        self._begin: Optional[float] = None
        self._seconds = 0.
        self._peak = 0

    # ---- counting ------------------------------------------------------
    def start(self, model: nn.Module,
              optimizer: Callable[[], Optional[Optimizer]]) -> None:
        """Start the clock; count what the model's ``encoders`` see, and the
        steps of the optimiser that is the one to count at the moment."""
        self._begin = time.perf_counter()
        encoders = getattr(model, 'encoders', None)
        if isinstance(encoders, nn.ModuleDict):
            self._tally = EncoderTally(encoders)

        @eager
        def count(stepped: Optimizer, *_) -> None:
            self.steps += int(stepped is optimizer())

        self._handle = register_optimizer_step_post_hook(count)

    def stop(self) -> None:
        """Stop the clock, count no further."""
        self._seconds, self._begin = self.seconds, None
        for counting in (self._handle, self._tally):
            if counting is not None:
                counting.remove()
        self._handle = self._tally = None

    def keep(self) -> None:
        """Let what was encoded since the last call count."""
        if self._tally is not None:
            for name, count in self._tally.take().items():
                self._own[name] = self._own.get(name, 0) + count

    def discard(self) -> None:
        """Forget what was encoded since :meth:`keep`: it was no training."""
        if self._tally is not None:
            self._tally.take()

    def reduce(self) -> None:
        """Add up the ranks' samples; all of them must call this."""
        self.keep()
        if not self._own:
            return
        counts = torch.tensor(list(self._own.values()))
        all_reduce(counts)
        for name, count in zip(self._own, counts.tolist()):
            self.samples[name] = self.samples.get(name, 0) + count
        self._own = dict.fromkeys(self._own, 0)

    def add_estimators(self, terms: Iterable) -> None:
        """Count an epoch's steps of the estimators in an objective's terms.

        Of several stages' parameters the most count, as those of one stage
        exist at a time.
        """
        modules = [m for term in terms for e in term.estimators
                   for m in e.modules()]
        for module in modules:
            if hasattr(module, 'pop_fit_steps'):
                self.estimator_steps += module.pop_fit_steps()
        parameters = {p for m in modules for p in m.parameters()}
        self.estimator_parameters = max(
            self.estimator_parameters, sum(p.numel() for p in parameters))

    @property
    def seconds(self) -> float:
        """float: Wall time of training so far."""
        if self._begin is None:  # saved by hand, outside of training
            return self._seconds
        return self._seconds + time.perf_counter() - self._begin

    @property
    def peak(self) -> int:
        """int: Most bytes this process has held, on its GPU if it has one.
        """
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            now = torch.cuda.max_memory_allocated()
        else:
            now = peak_resident()
        return max(self._peak, now)

    def report(self, model: nn.Module) -> Dict[str, Any]:
        """As written to ``summary.json``; :meth:`reduce` comes first."""
        parameters = sum(p.numel() for p in model.parameters())
        return dict(
            optimizer_steps=self.steps,
            estimator_steps=self.estimator_steps,
            encoder_samples=dict(self.samples),
            wall_seconds=round(self.seconds, 3),
            peak_memory_bytes=self.peak,
            params_train=parameters + self.estimator_parameters,
            params_inference=parameters)

    def state_dict(self) -> Dict[str, Any]:
        """Plain numbers. No collective: only rank 0 calls this."""
        if get_world_size() == 1:
            self.reduce()
        return {key: getattr(self, key) for key in _STATE}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        for key in _STATE[:-2]:
            setattr(self, key, copy.copy(state[key]))
        self._seconds, self._peak = state['seconds'], state['peak']
