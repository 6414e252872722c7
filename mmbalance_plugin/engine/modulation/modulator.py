"""OGM's gradient modulation, whatever calls it."""
import logging
from typing import Callable, Dict, List, Optional, Union

import torch
from mmengine.dist import broadcast
from mmengine.logging import MessageHub, print_log
from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from ...functional import discrepancy_ratios, ogm_coefficients
from ...functional.gradient_noise import add_noise
from ...utils.deferred_scalars import DeferredScalars
from ...utils.dist import draws_agree
from ...utils.eager import eager
from ...utils.run_state import current_epoch, run_seed
from ...utils.streams import stream
from .enhancement import GeneralizationEnhancement
from .parameters import SCOPES, modality_weights

_NEEDS = ('encoders', 'score_reader')


class GradientModulator:
    """On-the-fly gradient modulation: slow down the modality that is ahead.

    Before each update the gradients of a modality's encoder are multiplied
    by its coefficient k, which is below 1 for a modality whose share in the
    true class is above the others' (arXiv 2203.15332, 2410.11582). Scores
    come from the model, summed over all micro-batches of the update and over
    all ranks before one ratio is taken.

    Used by :class:`OGMOptimWrapper` and :class:`OGMHook`, which document
    the options.

    Attributes:
        last (dict[str, dict[str, Tensor]]): 'scores', 'ratios' and
            'coefficients' of the latest update, scalars on the device.
    """

    def __init__(self,
                 alpha: float,
                 form: str = 'cvpr',
                 generalization_enhancement: Union[bool, dict] = False,
                 scope: str = 'all',
                 start_epoch: int = 0,
                 end_epoch: Optional[int] = 50,
                 log_interval: int = 10) -> None:
        # Complains about alpha and form now rather than at the first step.
        ogm_coefficients({'any': torch.ones(())}, alpha, form)
        if form == 'tpami' and alpha > 1:
            raise ValueError(
                f"alpha={alpha} with form='tpami' gives negative "
                "coefficients, which train a modality backwards; use alpha "
                "<= 1 or form='cvpr'")
        if scope not in SCOPES:
            raise ValueError(f'scope must be one of {SCOPES}, got {scope!r}')
        if end_epoch is not None and end_epoch < start_epoch:
            raise ValueError(f'end_epoch={end_epoch} comes before '
                             f'start_epoch={start_epoch}: nothing would ever '
                             'be modulated')
        self.alpha = alpha
        self.form = form
        self.enhancement = GeneralizationEnhancement.from_cfg(
            generalization_enhancement)
        self.scope = scope
        self.start_epoch = start_epoch
        self.end_epoch = end_epoch
        self.log = DeferredScalars(log_interval)
        self.model: Optional[nn.Module] = None
        self.weights: Dict[str, List[nn.Parameter]] = {}
        self.seed = 0
        self._share: Optional[Callable[[Tensor], None]] = None
        self._devices_compared = False
        self._announced = ''
        self._schedule_checked = False
        self.last: Dict[str, Dict[str, Tensor]] = {}

    # ---- before training -----------------------------------------------
    def bind(self, model: nn.Module) -> None:
        """Take up a model, or the same one in another stage.

        Every rank must call this, and once more whenever another part of the
        model trains. In a stage with a unimodal objective there is nothing
        to compare, so nothing is modulated until the next call.

        Args:
            model (nn.Module): A recognizer, perhaps inside DDP or
                :class:`OPM`.

        Raises:
            TypeError: The model cannot be asked for unimodal scores.
            ValueError: It has one modality only, or no weight to modulate.
        """
        model = model.module if is_model_wrapper(model) else model
        missing = [name for name in _NEEDS if not hasattr(model, name)]
        if missing:
            raise TypeError(
                f'OGM needs a model that scores its modalities, but '
                f'{type(model).__name__} has no {", ".join(missing)}; use '
                'mmbalance_plugin.MultimodalRecognizer')
        if len(model.encoders) < 2:
            raise ValueError('OGM compares modalities with each other, but '
                             f'the model has {list(model.encoders)} only')
        self.model = model
        self.weights = modality_weights(model, self.scope)
        if not any(self.weights.values()):
            raise ValueError(
                f'no encoder has a weight to modulate with scope='
                f'{self.scope!r}: {list(model.encoders)}')
        self.seed = run_seed()
        self._compare_devices()
        self.last = {}
        self._announce()
        if self.idle:
            self.log.clear('ogm_')
            return
        self._reader = model.score_reader('ogm')

    def _compare_devices(self) -> None:
        """See to it that all ranks add the same noise."""
        if self.enhancement is None or self._devices_compared:
            return
        self._devices_compared = True
        if not draws_agree(next(self.model.parameters()).device):
            self._share = broadcast
            print_log(
                'OGM: the ranks run on unlike devices, which draw unlike '
                'numbers from one seed; rank 0 draws the noise and sends it '
                'to the others',
                logger='current',
                level=logging.WARNING)

    def _announce(self) -> None:
        """Say what will be modulated, unless that was said already."""
        end = 'the end' if self.end_epoch is None else \
            f'epoch {self.end_epoch}'
        counts = ', '.join(f'{len(w)} of {m}' for m, w in self.weights.items())
        text = (f'OGM modulates epoch {self.start_epoch} to {end} (counted '
                f'from 0, inclusive); weight tensors: {counts}')
        if self.idle:
            text = 'OGM: a stage with a unimodal objective is not modulated'
        if text != self._announced:
            print_log(text, 'current')
        self._announced = text

    def _check_schedule(self) -> None:
        """Warn, once, where no epoch of the run will be modulated."""
        if self._schedule_checked:
            return
        self._schedule_checked = True
        epochs = MessageHub.get_current_instance().runtime_info.get(
            'max_epochs')
        if epochs is not None and self.start_epoch >= epochs:
            print_log(
                f'OGM: start_epoch={self.start_epoch} is counted from 0, and '
                f'the run has {epochs} epochs (iteration-based loops count '
                'one), so nothing will ever be modulated; set a lower '
                'start_epoch',
                logger='current',
                level=logging.WARNING)

    @property
    def idle(self) -> bool:
        """bool: Whether the stage has no fused prediction to balance."""
        return getattr(self.model, 'objective', 'fused') != 'fused'

    @property
    def active(self) -> bool:
        """bool: Whether the running epoch is modulated."""
        epoch = current_epoch()
        return self.start_epoch <= epoch and (self.end_epoch is None
                                              or epoch <= self.end_epoch)

    # ---- in a step -----------------------------------------------------
    @eager
    @torch.no_grad()
    def modulate(self, update: int, overflow: Optional[Tensor] = None) -> None:
        """Modulate the gradients of one update, in place.

        The gradients must be those of the whole update: accumulated, averaged
        over ranks, unscaled, not clipped. Nothing is copied to the host.

        Args:
            update (int): Number of the update in its stage. The noise
                depends on it and on the seed alone, so all ranks draw the
                same, and so does a resumed run.
            overflow (Tensor, optional): Above 0 where an AMP scaler found an
                infinite gradient and will skip the step: then nothing is
                modulated. Defaults to None, no scaler.

        Raises:
            RuntimeError: :meth:`bind` was not called, or no training pass
                went through the model since the last update.
        """
        if self.model is None:
            raise RuntimeError(
                "OGM knows no model yet: call the optim wrapper's "
                'initialize_count_status(model, ...) before training, as '
                'the Runner does')
        if self.idle:
            return
        self._check_schedule()
        ratios = self._ratios()
        applies = torch.ones_like(
            next(iter(ratios.values())), dtype=torch.bool)
        if overflow is not None:
            applies = applies & (overflow.to(applies.device) == 0)
        if self.active:
            coefficients = {
                m: torch.where(applies, k, torch.ones_like(k))
                for m, k in ogm_coefficients(ratios, self.alpha,
                                             self.form).items()
            }
            self._apply(coefficients, applies, update)
        else:
            coefficients = {m: torch.ones_like(r) for m, r in ratios.items()}
        self.last['coefficients'] = coefficients
        self.log.add({
            f'ogm_{kind[:-1]}_{m}': value
            for kind, values in self.last.items()
            for m, value in values.items()
        })

    def _ratios(self) -> Dict[str, Tensor]:
        """Discrepancy ratios of the update's global batch."""
        scores = self._reader.read()
        if scores is None:
            raise RuntimeError(
                'OGM: the model took no unimodal scores since the last '
                'update. They are taken by its loss in training mode while '
                'score_mode is set: was the model put into eval mode, or '
                'its score_mode taken away?')
        ratios = discrepancy_ratios(*scores)
        self.last = dict(scores=scores.means, ratios=ratios)
        return ratios

    def _apply(self, coefficients: Dict[str, Tensor], applies: Tensor,
               update: int) -> None:
        for modality, weights in self.weights.items():
            grads = [w.grad for w in weights if w.grad is not None]
            if not grads:
                continue
            coefficient = coefficients[modality]
            if self.enhancement is None:
                torch._foreach_mul_(grads, coefficient)
                continue
            stds = self.enhancement.spreads(grads, coefficient, applies)
            torch._foreach_mul_(grads, coefficient)
            generator = stream(
                self.seed, 'ogm', update, modality, device=grads[0].device)
            add_noise(grads, stds, self.enhancement.distribution, generator,
                      self._share)
