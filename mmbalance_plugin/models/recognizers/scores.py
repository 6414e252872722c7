"""The unimodal scores that every balancing method reads."""
from contextlib import nullcontext
from typing import ContextManager, Dict, NamedTuple, Optional

import torch
from torch import Tensor

from mmbalance_plugin.utils.choices import require_choice

from ...functional import label_support
from ...utils.dist import global_scores
from ...utils.eager import eager
from ..objectives import BatchRecord
from ..presence import Presence
from .parts import TrainedParts
from .score_log import ScoreLog

SCORE_MODES = (None, 'split', 'zero_out', 'auto')


class Scores(NamedTuple):
    """Unimodal scores over a number of samples, of all ranks.

    Args:
        sums (dict[str, Tensor]): Each modality's summed probability of the
            true class, 0-d, float32.
        counts (dict[str, Tensor]): How many samples are in each, 0-d.
    """
    sums: Dict[str, Tensor]
    counts: Dict[str, Tensor]

    @property
    def means(self) -> Dict[str, Tensor]:
        """dict[str, Tensor]: Mean scores, 0 where there is no sample."""
        return {
            name: value / self.counts[name].clamp(min=1)
            for name, value in self.sums.items()
        }


class ScoreReader:
    """Adds up the scores that came since it last looked.

    Got from :meth:`UnimodalScores.score_reader`. There may be any number of
    them, each with sums of its own, which stay on the device.
    """

    def __init__(self) -> None:
        self._sums: Optional[Tensor] = None
        self._counts: Dict[str, int] = dict()

    def add(self, scores: Dict[str, Tensor], counts: Dict[str, int]) -> None:
        """Take in a batch's ``batch_scores`` and ``batch_counts``."""
        sums = torch.stack(list(scores.values()))
        self._sums = sums if self._sums is None else self._sums + sums
        self._counts = {
            name: self._counts.get(name, 0) + counts[name]
            for name in scores
        }

    def read(self) -> Optional[Scores]:
        """What came since the last look; nothing of it is told again.

        All ranks must look: one collective adds theirs.

        Returns:
            Scores | None: None where nothing came. On the device, nothing
            is copied to the host.
        """
        if self._sums is None:
            return None
        sums = dict(zip(self._counts, self._sums.unbind()))
        scores = Scores(*global_scores(sums, self._counts))
        self.clear()
        return scores

    def clear(self) -> None:
        """Forget what came."""
        self._sums, self._counts = None, dict()


class UnimodalScores(TrainedParts):
    """Scores of :class:`MultimodalRecognizer` during joint training.

    How well does each modality, alone, support the true class? While
    :attr:`score_mode` is set, each joint training pass answers with the
    features it has anyway, in float32 and without gradient. Any number of
    readers add the answers up on the device: one that looks every few
    micro-batches gets the sums of all of them. One reader is the model's own
    log (:class:`ScoreLog`). A sample that lacks a modality has no score of
    it.

    Attributes:
        batch_scores (dict[str, Tensor]): Summed probability of the true
            class in the latest batch of this process, a scalar per modality;
            of several labels see
            :func:`~mmbalance_plugin.functional.label_support`.
        batch_counts (dict[str, int]): How many samples are in each.
        score_readers (dict[str, ScoreReader]): The readers, by name.
    """

    def _init_scores(self, score: Optional[str]) -> None:
        self.batch_scores: Dict[str, Tensor] = dict()
        self.batch_counts: Dict[str, int] = dict()
        self.score_readers: Dict[str, ScoreReader] = dict()
        self._score_mode: Optional[str] = None
        self._score_log: Optional[ScoreLog] = None
        if len(self.modalities) > 1:
            self._score_log = ScoreLog(self.score_reader('log'))
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
        require_choice('score', mode, SCORE_MODES)
        if mode == 'split' and not self.head.linear:
            raise ValueError(
                f"score='split' needs a head that is linear in the features, "
                f"but {type(self.head).__name__} is not; use 'zero_out' or "
                "'auto'")
        self._score_mode = mode

    def score_reader(self, name: str) -> ScoreReader:
        """Open a reader; its first look tells what came from now on.

        Scores are taken from now on, with ``score_mode='auto'`` where none
        is set.

        Args:
            name (str): Whose reader it is. An older one of this name gets
                nothing more.

        Returns:
            ScoreReader: The reader.
        """
        if self._score_mode is None:
            self.score_mode = 'auto'
        reader = self.score_readers[name] = ScoreReader()
        return reader

    def enter_stage(self, *args, **kwargs) -> None:
        """Enter a stage; what another one logged is no news in it."""
        super().enter_stage(*args, **kwargs)
        if self._score_log is not None:
            self._score_log.clear()

    def unimodal_scores(
            self,
            features: Dict[str, Tensor],
            targets: Tensor,
            present: Optional[Presence] = None) -> Dict[str, Tensor]:
        """Summed true-class probability of each modality alone.

        Args:
            features (dict[str, Tensor]): Features (B, D_m).
            targets (Tensor): True classes (B, ), or labels (B, C).
            present (Presence, optional): Who has what. Defaults to None:
                every sample has everything.

        Returns:
            dict[str, Tensor]: A scalar a modality, on the device, without
            gradient.
        """
        score = self.head.zero_out_logits if self._score_mode == \
            'zero_out' else self.head.unimodal_logits
        device = targets.device.type
        autocast: ContextManager = nullcontext()
        if torch.is_autocast_enabled(device):
            # Small differences between modalities matter here, and the loss
            # must not meet weights that were cast without gradient.
            autocast = torch.autocast(device, enabled=False)
            dtype = next((p.dtype for p in self.head.parameters()),
                         torch.float32)
            features = {m: value.to(dtype) for m, value in features.items()}
        with torch.no_grad(), autocast:
            logits = score(features)
            scores = label_support(
                torch.stack(list(logits.values())), targets,
                self.head.multi_class)
            if present is not None:
                there = torch.stack([present.mask(m) for m in logits])
                scores = scores.where(there, 0.)
            return dict(zip(logits, scores.sum(dim=1).unbind()))

    @eager
    def _take_scores(self, record: BatchRecord) -> None:
        targets, present = record.targets, record.present
        self.batch_scores = self.unimodal_scores(record.features, targets,
                                                 present)
        self.batch_counts = {
            name: len(targets) if present is None else present.count(name)
            for name in self.batch_scores
        }

    # Not compiled: numbers that change from batch to batch would be guards,
    # and every batch a reason to compile anew.
    @eager
    def _hand_out_scores(self) -> None:
        for reader in self.score_readers.values():
            reader.add(self.batch_scores, self.batch_counts)
        if self._score_log is not None:
            self._score_log.look()
