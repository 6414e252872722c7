"""The unimodal scores that every balancing method reads."""
from typing import Dict, Optional, Tuple

import torch
from torch import Tensor

from ..presence import Presence

SCORE_MODES = ('split', 'zero_out', 'auto')


class UnimodalScores:
    """Scores of :class:`MultimodalRecognizer` during joint training.

    How well does each modality, alone, support the true class? Once
    :attr:`score_mode` is set, each joint training pass answers with the
    features it has anyway, in float32 and without gradient, and adds the
    answer up on the device: a consumer that steps every few micro-batches
    takes the sums of all of them. A sample that lacks a modality has no score
    of it. Needs ``head`` and ``batch_present``.

    Attributes:
        score_sums (dict[str, Tensor]): Summed softmax probability of the
            true class since the last :meth:`pop_scores`, a scalar a modality.
        score_counts (dict[str, int]): Number of samples in each sum.
        batch_scores (dict[str, Tensor]): The same sums of the latest batch
            alone.
        batch_counts (dict[str, int]): The same counts.

    Note:
        Sums and counts are those of this process. Under distributed training
        their consumer reduces them over the ranks before taking ratios, see
        :func:`~mmbalance_plugin.utils.dist.global_scores`.
    """

    def _init_scores(self, score: Optional[str]) -> None:
        self.score_sums: Dict[str, Tensor] = dict()
        self.score_counts: Dict[str, int] = dict()
        self.batch_scores: Dict[str, Tensor] = dict()
        self.batch_counts: Dict[str, int] = dict()
        self._score_mode: Optional[str] = None
        self.score_mode = score

    @property
    def score_mode(self) -> Optional[str]:
        """str | None: How modalities are scored.

        None: not at all. 'split': by the exact split of a linear head.
        'zero_out': with zeros in place of the other modalities. 'auto': by
        the head's ``unimodal_logits``, that is the split where there is one,
        the branch's own logits of a decision head, zero-out elsewhere.
        """
        return self._score_mode

    @score_mode.setter
    def score_mode(self, mode: Optional[str]) -> None:
        if mode is not None and mode not in SCORE_MODES:
            raise ValueError(f'score must be None or one of {SCORE_MODES}, '
                             f'but got {mode!r}')
        if mode == 'split' and not self.head.linear:
            raise ValueError(
                f"score='split' needs a head that is linear in the features, "
                f"but {type(self.head).__name__} is not; use 'zero_out' or "
                "'auto'")
        self._score_mode = mode

    def pop_scores(self) -> Tuple[Dict[str, Tensor], Dict[str, int]]:
        """Take the sums and the counts, and start from nothing again.

        Returns:
            tuple: ``score_sums`` and ``score_counts``.
        """
        taken = self.score_sums, self.score_counts
        self.score_sums, self.score_counts = dict(), dict()
        return taken

    def unimodal_scores(
            self,
            features: Dict[str, Tensor],
            targets: Tensor,
            present: Optional[Presence] = None) -> Dict[str, Tensor]:
        """Summed true-class probability of each modality alone.

        Args:
            features (dict[str, Tensor]): Features (B, D_m).
            targets (Tensor): True classes (B, ).
            present (Presence, optional): Who has what. Defaults to None:
                every sample has everything.

        Returns:
            dict[str, Tensor]: A scalar a modality, on the device, without
            gradient.
        """
        score = dict(
            split=self.head.split_logits,
            zero_out=self.head.zero_out_logits,
            auto=self.head.unimodal_logits)[self._score_mode or 'auto']
        dtype = next((p.dtype for p in self.head.parameters()), torch.float32)
        # Without autocast: small differences between modalities matter here,
        # and the loss must not meet weights that were cast without gradient.
        with torch.no_grad(), torch.autocast(
                targets.device.type, enabled=False):
            logits = score(
                {name: value.to(dtype)
                 for name, value in features.items()})
            scores = {
                name: value.float().softmax(dim=1).gather(
                    1, targets[:, None])
                for name, value in logits.items()
            }
            if present is not None:
                scores = {
                    name: present.take(value, name)
                    for name, value in scores.items()
                }
            return {name: value.sum() for name, value in scores.items()}

    def _accumulate_scores(self, features: Dict[str, Tensor],
                           targets: Tensor) -> None:
        present = self.batch_present
        self.batch_scores = self.unimodal_scores(features, targets, present)
        self.batch_counts = {
            name: len(targets) if present is None else present.count(name)
            for name in self.batch_scores
        }
        for name, value in self.batch_scores.items():
            previous = self.score_sums.get(name)
            self.score_sums[name] = value.clone() if previous is None else \
                previous + value
            self.score_counts[name] = self.score_counts.get(
                name, 0) + self.batch_counts[name]
