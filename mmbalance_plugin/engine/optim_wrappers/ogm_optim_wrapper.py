"""OGM and OGM-GE in the optim wrapper's step."""
from typing import Optional, Union

from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import nn

from ...registry import OPTIM_WRAPPERS
from ..modulation import GradientModulator, modulated_step


class _Modulated:
    """What both wrappers add to MMEngine's."""

    def __init__(self,
                 *args,
                 alpha: float,
                 form: str = 'cvpr',
                 generalization_enhancement: Union[bool, dict] = False,
                 scope: str = 'all',
                 start_epoch: int = 0,
                 end_epoch: Optional[int] = 50,
                 log_interval: int = 10,
                 **kwargs) -> None:
        self.modulator = GradientModulator(
            alpha,
            form=form,
            generalization_enhancement=generalization_enhancement,
            scope=scope,
            start_epoch=start_epoch,
            end_epoch=end_epoch,
            log_interval=log_interval)
        super().__init__(*args, **kwargs)

    def initialize_count_status(self, model: nn.Module, init_counts: int,
                                max_counts: int) -> None:
        """Also bind the modulation to the model.

        The Runner calls this before training, :class:`StagedTrainLoop` at
        the start of every stage.
        """
        super().initialize_count_status(model, init_counts, max_counts)
        self.modulator.bind(model)

    def step(self, **kwargs) -> None:
        """Unscale (AMP), modulate, clip, step; see :func:`modulated_step`.
        """
        modulated_step(self, self.modulator,
                       getattr(self, 'loss_scaler', None), **kwargs)


@OPTIM_WRAPPERS.register_module()
class OGMOptimWrapper(_Modulated, OptimWrapper):
    """``OptimWrapper`` with on-the-fly gradient modulation (OGM, OGM-GE).

    A modality that is ahead of the others has its encoder's gradients
    multiplied by k < 1 before every update (CVPR 2022, arXiv 2203.15332;
    TPAMI 2024, arXiv 2410.11582). The head, biases, normalisation weights
    and weights shared between modalities are never touched.

    Args:
        alpha (float): Strength of the modulation; 0.1 on VGGSound and 0.8
            on CREMA-D in the released code's README.
        form (str): 'cvpr' for k = 1 - tanh(alpha rho), in both released
            code bases, or 'tpami' for k = 1 - alpha tanh(rho - 1), which
            needs alpha <= 1; where rho > 1, else k = 1. Defaults to 'cvpr'.
        generalization_enhancement (bool | dict): Whether noise is added
            (OGM-GE), or the options of
            :class:`GeneralizationEnhancement`; True is the released code's
            noise. Defaults to False.
        scope (str): 'all' modulates every encoder weight of two or more
            dimensions, 'conv' those of convolutions only (released code).
            Defaults to 'all' (the author's stated intent).
        start_epoch (int): First modulated epoch, counted from 0. Defaults
            to 0 (released code).
        end_epoch (int, optional): Last modulated epoch, inclusive; None for
            no end. Defaults to 50 (released code, of 100).
        log_interval (int): Updates between two copies of the diagnostics
            to the host. Defaults to 10.
        kwargs: Those of ``OptimWrapper``: ``optimizer``, ``clip_grad``,
            ``accumulative_counts``.

    Note:
        * Epochs are those of the running stage. MMEngine's
          ``IterBasedTrainLoop`` counts none: all of it is epoch 0.
        * **DDP**: the scores are summed over ranks in one collective an
          update; ratios, coefficients and noise are the same on all ranks.
        * **Accumulation**: scores are summed over the micro-batches, one
          ratio an update, applied to the accumulated gradient. k equal
          micro-batches equal one large batch if nothing in the model
          depends on the batch (BatchNorm, OPM).
        * **Clipping** comes after the modulation and bounds it, noise
          included.
        * **Resume**: nothing to restore; the noise depends on the seed and
          the number of the update only.
        * **Optimiser**: Adam and its kin divide by the gradient's own size,
          so that a constant k has no effect on them and only its changes
          do. The papers use SGD. Weight decay is not modulated.
        * Log: ``ogm_score_<m>`` (mean true-class probability),
          ``ogm_ratio_<m>``, ``ogm_coefficient_<m>``, means over
          ``log_interval`` updates.

    Raises:
        ValueError: An option is none of the above.

    Examples:
        >>> optim_wrapper = dict(
        >>>     type='mmbalance_plugin.OGMOptimWrapper',
        >>>     alpha=0.8,
        >>>     generalization_enhancement=True,
        >>>     clip_grad=dict(max_norm=40),
        >>>     optimizer=dict(type='SGD', lr=1e-3, momentum=0.9))
    """


@OPTIM_WRAPPERS.register_module()
class OGMAmpOptimWrapper(_Modulated, AmpOptimWrapper):
    """:class:`OGMOptimWrapper` in mixed precision.

    Gradients are unscaled before they are modulated. Where the scaler found
    an overflow the step is skipped and nothing is modulated, noise included.
    ``tools/train.py --amp`` turns the plain wrapper into this one.

    Args:
        alpha (float): See :class:`OGMOptimWrapper`, as all other options.
        kwargs: Those of :class:`OGMOptimWrapper` and ``AmpOptimWrapper``:
            ``loss_scale``, ``dtype``.
    """
