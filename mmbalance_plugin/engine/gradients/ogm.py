"""OGM and OGM-GE: the method and the names it goes by in configs."""
import logging
from typing import Callable, Dict, List, Optional, Union

import torch
from mmengine.dist import broadcast
from mmengine.logging import print_log
from torch import Tensor, nn

from ...functional import ogm_coefficients
from ...functional.gradient_noise import add_noise
from ...registry import HOOKS, OPTIM_WRAPPERS, TASK_UTILS
from ...utils.dist import draws_agree
from ...utils.run_state import run_seed
from ...utils.streams import stream
from .coefficients import CoefficientMethod
from .enhancement import GeneralizationEnhancement
from .hook import GradientHook
from .method import Update
from .optim_wrapper import GradientAmpOptimWrapper, GradientOptimWrapper


@TASK_UTILS.register_module()
class OGM(CoefficientMethod):
    """On-the-fly gradient modulation: slow down the modality that is ahead.

    A modality that is ahead of the others has its encoder's gradients
    multiplied by k < 1 before every update (CVPR 2022, arXiv 2203.15332;
    TPAMI 2024, arXiv 2410.11582). The head, biases, normalisation weights
    and weights shared between modalities are never touched. Origins, and
    DDP, accumulation, AMP, clipping and resume: docs/methods.md.

    Args:
        alpha (float): Strength of the modulation.
        form (str): 'cvpr' for k = 1 - tanh(alpha rho), or 'tpami' for
            k = 1 - alpha tanh(rho - 1), which needs alpha <= 1; where
            rho > 1, else k = 1. Defaults to 'cvpr'.
        generalization_enhancement (bool | dict): Whether noise is added
            (OGM-GE), or the options of
            :class:`GeneralizationEnhancement`. Defaults to False.
        scope (str): See :func:`modality_weights`. Defaults to 'all'.
        start_epoch (int): First modulated epoch, counted from 0. Defaults
            to 0.
        end_epoch (int, optional): Last modulated epoch, inclusive; None for
            no end. Defaults to 50.
        log_interval (int): Updates between two copies of the diagnostics
            to the host. Defaults to 10.

    Raises:
        ValueError: An option is out of range; the message names it.
    """

    label_kinds = ('multi', 'soft')

    def __init__(self,
                 alpha: float,
                 form: str = 'cvpr',
                 generalization_enhancement: Union[bool, dict] = False,
                 scope: str = 'all',
                 start_epoch: int = 0,
                 end_epoch: Optional[int] = 50,
                 log_interval: int = 10) -> None:
        super().__init__(
            scope=scope,
            start_epoch=start_epoch,
            end_epoch=end_epoch,
            log_interval=log_interval)
        # Complains about alpha and form now rather than at the first step.
        ogm_coefficients({'any': torch.ones(())}, alpha, form)
        if form == 'tpami' and alpha > 1:
            raise ValueError(
                f"alpha={alpha} with form='tpami' gives negative "
                "coefficients, which train a modality backwards; use alpha "
                "<= 1 or form='cvpr'")
        self.alpha = alpha
        self.form = form
        self.enhancement = GeneralizationEnhancement.from_cfg(
            generalization_enhancement)
        self._share: Optional[Callable[[Tensor], None]] = None
        self._seed = -1

    def bind(self, model: nn.Module) -> None:
        """See to it, once, that all ranks add the same noise."""
        super().bind(model)
        if self.enhancement is None or self._seed >= 0:
            return
        self._seed = run_seed()
        if not draws_agree(next(self.model.parameters()).device):
            self._share = broadcast
            print_log(
                'OGM: the ranks run on unlike devices, which draw unlike '
                'numbers from one seed; rank 0 draws the noise and sends it '
                'to the others', 'current', logging.WARNING)

    def coefficients(self, scores: Dict[str, Tensor],
                     ratios: Dict[str, Tensor]) -> Dict[str, Tensor]:
        return ogm_coefficients(ratios, self.alpha, self.form)

    def scale(self, modality: str, grads: List[Tensor], coefficient: Tensor,
              update: Update) -> None:
        if self.enhancement is None:
            return super().scale(modality, grads, coefficient, update)
        stds = self.enhancement.spreads(grads, coefficient)
        super().scale(modality, grads, coefficient, update)
        generator = stream(
            self._seed,
            'ogm',
            update.number,
            modality,
            device=grads[0].device)
        add_noise(grads, update.unless_skipped(stds, 0.),
                  self.enhancement.distribution, generator, self._share)


@OPTIM_WRAPPERS.register_module()
class OGMOptimWrapper(GradientOptimWrapper):
    """``OptimWrapper`` with :class:`OGM`.

    Args:
        alpha (float): See :class:`OGM`, as all of its options.
        kwargs: Those of :class:`OGM` and of ``OptimWrapper``:
            ``optimizer``, ``clip_grad``, ``accumulative_counts``.
    """
    method_type = OGM


@OPTIM_WRAPPERS.register_module()
class OGMAmpOptimWrapper(GradientAmpOptimWrapper):
    """:class:`OGMOptimWrapper` in mixed precision.

    Args:
        alpha (float): See :class:`OGM`, as all of its options.
        kwargs: Those of :class:`OGM` and of ``AmpOptimWrapper``.
    """
    method_type = OGM


@HOOKS.register_module()
class OGMHook(GradientHook):
    """:class:`OGM` beside an optim wrapper of the user's own.

    Args:
        alpha (float): See :class:`OGM`.
        kwargs: Its other options.
    """

    def __init__(self, alpha: float, **kwargs) -> None:
        super().__init__(OGM(alpha, **kwargs))
