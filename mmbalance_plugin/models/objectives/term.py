"""A part of what a stage trains towards."""
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Tuple

from torch import Tensor, nn

from .record import BatchRecord

if TYPE_CHECKING:
    from ..recognizers import MultimodalRecognizer


class ObjectiveTerm:
    """Base of the terms of an objective.

    An objective is a list of terms over one :class:`BatchRecord`; the losses
    of all of them are handed to the training step by name. A term defines
    :meth:`__call__`; all else has a default.

    Attributes:
        learned (nn.Module | None): What trains together with the model. It
            becomes a sub-module of the recognizer while the term is in use,
            so that optimiser, DDP and checkpoints see it. Everything else a
            term holds is its own affair, and its :meth:`state_dict`.

    Note:
        A term lives from the start of its stage to its end. The loop keeps
        its :meth:`state_dict` in every checkpoint and gives it back before a
        resumed stage goes on.
    """

    learned: Optional[nn.Module] = None

    fuses = False
    """bool: Whether the term trains the fused prediction."""

    replaces_loss = False
    """bool: Whether its formula stands in the place of the head's loss."""

    label_kinds: Tuple[str, ...] = ()
    """tuple[str]: Targets beside one class per sample that the term is
    defined for; see :func:`~mmbalance_plugin.models.label_kinds.\
check_label_kinds`."""

    fewest = 1
    """int: Modalities that the model must have for it to make sense."""

    estimators: Tuple[nn.Module, ...] = ()
    """tuple[nn.Module]: Modules with an optimiser of their own."""

    def bind(self, model: 'MultimodalRecognizer') -> None:
        """Build what depends on the model; called once, before training.

        Args:
            model (MultimodalRecognizer): The model, on its device.
        """

    def check(self, model: 'MultimodalRecognizer') -> None:
        """Raise now what would go wrong later, leaving no trace.

        Called once in each stage of the objective before the run begins.

        Args:
            model (MultimodalRecognizer): The model, in that stage.
        """

    def needs(self, model: 'MultimodalRecognizer') -> Tuple[str, ...]:
        """The modalities whose features the term reads from the record.

        Defaults to all of them. No others are encoded.
        """
        return model.modalities

    def loads(self, model: 'MultimodalRecognizer') -> Tuple[str, ...]:
        """The modalities whose inputs must be in a training batch.

        Asked after :meth:`start_stage`. Defaults to :meth:`needs`. No others
        are loaded or decoded.
        """
        return self.needs(model)

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        """Losses of a batch.

        Returns:
            dict[str, Tensor]: Scalars. What is to be minimised has a name
            that holds 'loss'; everything else is only logged.
        """
        raise NotImplementedError

    def start_stage(self, loop) -> None:
        """Before the stage's first epoch in this process, resumed or not.

        Args:
            loop (StagedTrainLoop): The running loop.
        """

    def before_batch(self, loop, index: int, data_batch: dict) -> None:
        """Before each training batch.

        Args:
            loop (StagedTrainLoop): The running loop.
            index (int): Of the batch in its epoch.
            data_batch (dict): As the data loader gives it.
        """

    def end_epoch(self, loop) -> Dict[str, float]:
        """After an epoch's last batch: numbers for the log and the stage's
        history in ``summary.json``.

        Args:
            loop (StagedTrainLoop): The running loop.
        """
        return {}

    def state_dict(self) -> Dict[str, Any]:
        """Plain data and tensors that a resumed run needs."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
