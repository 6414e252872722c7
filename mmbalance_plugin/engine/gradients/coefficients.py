"""Methods that scale the gradient of each modality's encoder."""
from abc import abstractmethod
from typing import Dict, List

import torch
from torch import Tensor, nn

from ...functional import discrepancy_ratios
from .method import GradientMethod, Logged, Update
from .weights import check_scope, modality_weights

_NEEDS = ('encoders', 'score_reader')


class CoefficientMethod(GradientMethod):
    """One coefficient per modality, from its unimodal score.

    The weights of a modality's encoder have their gradients multiplied by
    it; the head, biases, normalisation weights and weights shared between
    modalities are left alone. Scores come from the model, summed over all
    micro-batches of the update and over all ranks. A subclass defines
    :meth:`coefficients`.

    Args:
        scope (str): Which weights, see :func:`modality_weights`. Defaults to
            'all'.
        kwargs: Those of :class:`GradientMethod`.

    Attributes:
        weights (dict[str, list[nn.Parameter]]): Each modality's.
    """

    neutral = 1.
    """float: The coefficient that leaves a gradient as it is."""

    def __init__(self, scope: str = 'all', **kwargs) -> None:
        super().__init__(**kwargs)
        check_scope(scope)
        self.scope = scope
        self.weights: Dict[str, List[nn.Parameter]] = {}

    @abstractmethod
    def coefficients(self, scores: Dict[str, Tensor],
                     ratios: Dict[str, Tensor]) -> Dict[str, Tensor]:
        """The coefficients of one update.

        Args:
            scores (dict[str, Tensor]): Mean true-class probability of each
                modality alone over the global batch, 0-d.
            ratios (dict[str, Tensor]): Discrepancy ratios of the same.

        Returns:
            dict[str, Tensor]: A coefficient per modality, 0-d, on the
            device.
        """

    def scale(self, modality: str, grads: List[Tensor], coefficient: Tensor,
              update: Update) -> None:
        """Change the gradients of one modality in place: multiply them."""
        torch._foreach_mul_(grads, coefficient)

    def bind(self, model: nn.Module) -> None:
        """Find the weights and open a reader of the scores.

        Raises:
            TypeError: The model cannot be asked for unimodal scores.
            ValueError: It has one modality only, or no weight to modulate.
        """
        super().bind(model)
        bare = self.model
        missing = [name for name in _NEEDS if not hasattr(bare, name)]
        if missing:
            raise TypeError(
                f'{self.name} needs a model that scores its modalities, but '
                f'{type(bare).__name__} has no {", ".join(missing)}; use '
                'mmbalance_plugin.MultimodalRecognizer')
        if len(bare.encoders) < 2:
            raise ValueError(
                f'{self.name} compares modalities with each other, but the '
                f'model has {list(bare.encoders)} only')
        self.weights = modality_weights(bare, self.scope)
        if not any(self.weights.values()):
            raise ValueError(
                f'no encoder has a weight to modulate with scope='
                f'{self.scope!r}: {list(bare.encoders)}')
        if not self.idle:
            self._reader = bare.score_reader(self.name)

    def describe(self) -> str:
        counts = ', '.join(f'{len(w)} of {m}' for m, w in self.weights.items())
        return f'{super().describe()}; weight tensors: {counts}'

    def modulate(self, update: Update) -> Logged:
        """Scale the gradients, in epochs that are modulated.

        Raises:
            RuntimeError: No training pass went through the model since the
                last update.
        """
        read = self._reader.read()
        if read is None:
            raise RuntimeError(
                f'{self.name}: the model took no unimodal scores since the '
                'last update. They are taken by its loss in training mode '
                'while score_mode is set: was the model put into eval mode, '
                'or its score_mode taken away?')
        scores, ratios = read.means, discrepancy_ratios(*read)
        if update.active:
            found = self.coefficients(scores, ratios)
            if not set(self.weights) <= set(found or ()):
                raise ValueError(
                    f'{type(self).__name__}.coefficients() must give one for '
                    f'each of {[*self.weights]}, but gave {found}')
            coefficients = {
                m: update.unless_skipped(
                    torch.as_tensor(k, device=ratios[m].device), self.neutral)
                for m, k in found.items()
            }
            for modality, weights in self.weights.items():
                grads = [w.grad for w in weights if w.grad is not None]
                if grads:
                    self.scale(modality, grads, coefficients[modality],
                               update)
        else:
            coefficients = {
                m: torch.full_like(r, self.neutral)
                for m, r in ratios.items()
            }
        return dict(scores=scores, ratios=ratios, coefficients=coefficients)
