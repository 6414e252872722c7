"""What happens with a batch: forward, backward, update."""
from contextlib import contextmanager
from typing import Dict, Iterator, Tuple

from mmengine.model import detect_anomalous_params
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from ...models.recognizers import MultimodalRecognizer
from ...models.wrappers import recognizer_of
from ...registry import MODELS

Losses = Dict[str, Tensor]


@MODELS.register_module()
class TrainStep:
    """One forward, one backward, one update: the step of joint training.

    The recognizer's key ``step`` names it, and every loop honours it. It is
    given the model with its DDP wrapper, if any, and gets the losses by
    name, before anybody sums them. A subclass overrides

    * :meth:`update`, to take several gradients for one update (better:
      :class:`CombinedGradientStep`, which solves accumulation, DDP and mixed
      precision), or
    * :meth:`__call__`, for several updates per batch.

    The wrapper's ``step()`` unscales, modulates, clips and updates, whoever
    made the gradients. Under a DDP wrapper that does not call the step (see
    :class:`MultimodalDistributedDataParallel`) a subclass stops the first
    batch.
    """

    label_kinds: Tuple[str, ...] = ('multi', 'soft')
    """tuple[str]: See :func:`~mmbalance_plugin.models.label_kinds.\
check_label_kinds`."""

    averages_gradients = False
    """bool: Whether the step averages gradients over ranks by itself; DDP
    then leaves them alone."""

    def check(self, model: MultimodalRecognizer,
              accumulative_counts: int) -> None:
        """Raise now what would go wrong in the first batch.

        :class:`StagedTrainLoop` asks before the run begins, for each stage.

        Args:
            model (MultimodalRecognizer): The model, in the stage.
            accumulative_counts (int): Micro-batches per update.
        """

    def __call__(self, model: nn.Module, data_batch: dict,
                 optim_wrapper: OptimWrapper) -> Dict[str, Tensor]:
        """Train on a batch.

        Args:
            model (nn.Module): The model the runner holds.
            data_batch (dict): As the data loader gives it.
            optim_wrapper (OptimWrapper): The runner's.

        Returns:
            dict[str, Tensor]: What is logged: each loss, and their sum.
        """
        losses = self.forward(model, data_batch, optim_wrapper)
        return self.update(model, losses, optim_wrapper)

    def forward(self, model: nn.Module, data_batch: dict,
                optim_wrapper: OptimWrapper) -> Losses:
        """Preprocess a batch and compute its losses, by name."""
        inner = recognizer_of(model)
        with self.context(model, optim_wrapper):
            data = inner.data_preprocessor(data_batch, True)
            return model(**data, mode='loss')

    def update(self, model: nn.Module, losses: Losses,
               optim_wrapper: OptimWrapper) -> Dict[str, Tensor]:
        """From losses, by name, to weights; returns what is logged."""
        total, log_vars = recognizer_of(model).parse_losses(losses)
        optim_wrapper.update_params(total)
        if getattr(model, 'detect_anomalous_params', False):
            detect_anomalous_params(total, model=model)
        return log_vars

    @contextmanager
    def context(self, model: nn.Module,
                optim_wrapper: OptimWrapper) -> Iterator[None]:
        """Where forwards run: autocast, ``no_sync`` while accumulating."""
        inner = recognizer_of(model)
        with optim_wrapper.optim_context(model), inner.stepping():
            if self.averages_gradients and isinstance(
                    model, nn.parallel.DistributedDataParallel):
                with model.no_sync():
                    yield
            else:
                yield
