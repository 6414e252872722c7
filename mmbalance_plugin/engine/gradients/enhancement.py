"""OGM-GE's noise, as options and as tensors."""
from dataclasses import dataclass
from typing import Optional, Sequence, Union

import torch
from torch import Tensor

from ...functional.gradient_noise import DISTRIBUTIONS, noise_stds
from ...utils.choices import require_choice

_SCOPES = ('all', 'modulated')
_STDS = ('gradient', 'lost')


@dataclass
class GeneralizationEnhancement:
    """Noise added to the modulated gradients; OGM-GE (arXiv 2203.15332).

    Options and their origins: docs/methods.md.

    Args:
        scope (str): 'all' adds noise to every modality, 'modulated' only
            where the coefficient is below 1. Defaults to 'all'.
        std (str): Standard deviation of the noise of a weight tensor.
            'gradient' is that of the entries of its gradient before the
            modulation, plus 1e-8; 'lost' is that times sqrt(1 - k^2), so that
            k g plus the noise has the variance g had. Defaults to 'gradient'.
        scale (float): Multiplies the standard deviation. Defaults to 1.
        distribution (str): 'normal', 'uniform' or 'rademacher', all of
            variance 1 before scaling. Defaults to 'normal'.

    Raises:
        ValueError: An option is out of range; the message names it.
    """
    scope: str = 'all'
    std: str = 'gradient'
    scale: float = 1.
    distribution: str = 'normal'

    def __post_init__(self) -> None:
        for key, allowed in (('scope', _SCOPES), ('std', _STDS),
                             ('distribution', DISTRIBUTIONS)):
            require_choice(f'generalization_enhancement.{key}',
                           getattr(self, key), allowed)
        if self.scale < 0:
            raise ValueError('generalization_enhancement.scale must not be '
                             f'negative, got {self.scale}')

    @classmethod
    def from_cfg(
        cls, cfg: Union[bool, dict, None]
    ) -> Optional['GeneralizationEnhancement']:
        """None where ``cfg`` is false, defaults where it is True.

        Raises:
            TypeError: ``cfg`` is neither a bool nor a dict of options.
        """
        if isinstance(cfg, bool) or cfg is None:
            return cls() if cfg else None
        if not isinstance(cfg, dict):
            raise TypeError('generalization_enhancement must be True, False '
                            f'or a dict of options, got {cfg!r}')
        return cls(**cfg)

    def spreads(self, grads: Sequence[Tensor],
                coefficient: Tensor) -> Tensor:
        """Standard deviations of the noise of one modality.

        Args:
            grads (Sequence[Tensor]): The gradients, not modulated yet.
            coefficient (Tensor): The modality's coefficient, 0-d.

        Returns:
            Tensor: One for each gradient, shape (T, ).
        """
        factor = torch.full_like(coefficient, self.scale)
        if self.std == 'lost':
            factor = factor * (1 - coefficient.square()).clamp(min=0).sqrt()
        stds = noise_stds(grads) * factor
        if self.scope == 'modulated':
            stds = stds.where(coefficient < 1, 0.)
        return stds
