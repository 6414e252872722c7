"""InfoReg."""
from typing import Any, Dict, List, Mapping, Optional

import torch
from torch import Tensor, nn

from ...functional import inforeg_coefficients, inforeg_window
from ...functional._tensors import at_least_float32
from ...registry import TASK_UTILS
from ...utils.run_state import current_epoch
from .coefficients import CoefficientMethod
from .method import Logged, Update


@TASK_UTILS.register_module()
class InfoReg(CoefficientMethod):
    """The modality that is ahead held back early (CVPR 2025, 2503.18595).

    While the squared gradients of an encoder grow from epoch to epoch
    (:func:`~mmbalance_plugin.functional.inforeg_window`) and its modality is
    ahead, its weights are pulled towards those of the epoch's start: the
    gradient of a_m / 2 |w - w_0|^2 is added to theirs, with a_m of
    :func:`~mmbalance_plugin.functional.inforeg_coefficients`. Origins and
    behaviour: docs/methods.md.

    Args:
        beta (float): Strength. Defaults to 0.9 (paper).
        threshold (float): K, the relative growth that opens the window.
            Defaults to 0.04 (paper; 0.05 in the released code).
        kwargs: ``scope``, ``start_epoch``, ``end_epoch``, ``log_interval``
            of :class:`CoefficientMethod`.

    Raises:
        ValueError: ``beta`` is negative.
    """

    label_kinds = ('multi', 'soft')
    neutral = 0.

    def __init__(self,
                 beta: float = 0.9,
                 threshold: float = 0.04,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        if beta < 0:
            raise ValueError(f'InfoReg: beta must not be negative, got {beta}')
        self.beta = beta
        self.threshold = threshold
        self._epoch: Optional[int] = None
        # Empty, or a column per modality of: the epoch's sum of traces,
        # updates in it, the trace of the last epoch, of the one before.
        self._traces: Tensor = torch.empty(0)
        self._starts: Dict[str, List[Tensor]] = {}

    def bind(self, model: nn.Module) -> None:
        super().bind(model)
        self._starts = {}

    def _turn_epoch(self) -> None:
        """On an epoch's first update: note the weights and the trace."""
        epoch = current_epoch()
        if epoch == self._epoch and self._starts:
            return
        device = next(w.device for ws in self.weights.values() for w in ws)
        unknown = torch.full((2, len(self.weights)), torch.nan, device=device)
        if len(self._traces) and epoch - 1 == self._epoch:
            total, count, last, _ = self._traces.to(device)
            unknown = torch.stack([total / count, last])
        self._traces = torch.cat([torch.zeros_like(unknown), unknown])
        self._epoch = epoch
        self._starts = {
            m: [w.detach().clone() for w in weights]
            for m, weights in self.weights.items()
        }

    def modulate(self, update: Update) -> Logged:
        """Watch the gradients, then pull."""
        self._turn_epoch()
        traces = []
        for weights in self.weights.values():
            grads = [w.grad for w in weights if w.grad is not None]
            size = max(1, sum(w.numel() for w in weights))
            norms = torch._foreach_norm(grads) if grads else [
                self._traces.new_zeros(())]
            trace = at_least_float32(torch.stack(norms)).square().sum() / size
            traces.append(update.unless_skipped(trace, 0.))
        found = torch.stack(traces)
        taken = update.unless_skipped(torch.ones_like(found), 0.)
        self._traces[:2] += torch.stack([found, taken])
        logged = super().modulate(update)
        return dict(
            logged, windows={m: w.float()
                             for m, w in self.windows().items()})

    def windows(self) -> Dict[str, Tensor]:
        """Whether each modality's window is open, 0-d, bool."""
        last, before = self._traces[2:]
        is_open = inforeg_window(before, last, self.threshold)
        return dict(zip(self.weights, is_open.unbind()))

    def coefficients(self, scores: Dict[str, Tensor],
                     ratios: Dict[str, Tensor]) -> Dict[str, Tensor]:
        windows = self.windows()
        return {
            m: a.where(windows[m], 0.)
            for m, a in inforeg_coefficients(scores, self.beta).items()
        }

    def scale(self, modality: str, grads: List[Tensor], coefficient: Tensor,
              update: Update) -> None:
        """Add the gradient of the pull."""
        pairs = [(w, start) for w, start in zip(self.weights[modality],
                                                self._starts[modality])
                 if w.grad is not None]
        away = torch._foreach_sub(*map(list, zip(*pairs)))
        torch._foreach_mul_(away, coefficient)
        torch._foreach_add_(grads, away)

    def state_dict(self) -> Dict[str, Any]:
        if not len(self._traces):
            return {}
        return dict(epoch=self._epoch, traces=self._traces.cpu().clone())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._epoch, self._traces = state['epoch'], state['traces']
