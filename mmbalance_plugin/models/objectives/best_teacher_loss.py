"""Weaker modalities learn from the strongest."""
from typing import Dict, Optional

from torch import Tensor

from mmbalance_plugin.functional import distillation_loss
from mmbalance_plugin.registry import MODELS

from .calibrated_loss import CalibratedLoss
from .record import BatchRecord


@MODELS.register_module()
class BestTeacherLoss(CalibratedLoss):
    r"""Distillation from the best modality, after arXiv 2511.00987.

    Pretraining of the modalities alone. The one of the highest macro-F1 on
    samples held out of the training set teaches in the coming epoch, and
    learns from the labels; each other one m learns from both:

    .. math::
        (1 - \lambda) CE(z^m, y) + \lambda T^2
        KL(\operatorname{softmax}(z^t / T) \|
        \operatorname{softmax}(z^m / T))

    as ``loss_cls_<m>`` and ``loss_distill_<m>``. A sample that lacks the
    teacher has no loss against it. Origins and behaviour: docs/methods.md.

    Args:
        lam (float): From 0, the labels alone, to 1. Defaults to 0.5.
        temperature (float): T. Defaults to 2.
        warmup (int): Epochs of the stage in which nobody teaches, as nobody
            has learnt anything. Defaults to 1.
        kwargs: ``modalities`` and ``heads`` of :class:`UnimodalLoss`.

    Raises:
        ValueError: An option is out of range; see :class:`CalibratedLoss`.
    """

    label_kinds = ('soft', )

    def __init__(self,
                 lam: float = .5,
                 temperature: float = 2.,
                 warmup: int = 1,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        if not 0 <= lam <= 1 or temperature <= 0 or warmup < 0:
            raise ValueError(
                'BestTeacherLoss: lam must be from 0 to 1, temperature '
                f'positive and warmup not negative, got {lam}, {temperature} '
                f'and {warmup}')
        self.lam, self.temperature, self.warmup = lam, temperature, warmup
        self.teacher: Optional[str] = None

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        losses = super().__call__(record)
        if self.teacher not in record.features:
            return losses
        logits = self.logits(record)
        for m in logits:
            if m == self.teacher:
                continue
            losses[f'loss_cls_{m}'] = (1 - self.lam) * losses[f'loss_cls_{m}']
            losses[f'loss_distill_{m}'] = self.lam * record.mean(
                self._divergence, (m, self.teacher), logits[m],
                logits[self.teacher])
        return losses

    def _divergence(self, student: Tensor, teacher: Tensor) -> Tensor:
        return distillation_loss(student, teacher, self.temperature)

    def measured(self, loop, bank) -> Dict[str, float]:
        f1 = self.f1(loop.model, bank)
        best = max(f1, key=f1.__getitem__)  # the first of equals
        ready = loop.progress.epoch >= self.warmup
        found = {f'teacher_{m}': float(ready and m == best) for m in f1}
        found.update({f'teacher_f1_{m}': score for m, score in f1.items()})
        return found

    def taken(self, found: Dict[str, float]) -> None:
        chosen = [m for m in self.names if found[f'teacher_{m}']]
        self.teacher = chosen[0] if chosen else None
