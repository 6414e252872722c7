"""Diagnosing & Re-learning."""
from typing import Any, Dict, Optional

import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from torch import Tensor

from ...functional import cluster_purity, relearning_strength
from ...models.label_kinds import check_label_kinds
from ...models.recognizers import MultimodalRecognizer
from ...models.wrappers import recognizer_of
from ...registry import HOOKS
from ...utils.choices import require_choice
from ...utils.deferred_scalars import per_modality
from ...utils.run_state import current_epoch
from ..features import feature_bank

_STATE_KEY = 'relearning'
_MOMENTA = ('scale', 'clear', 'keep')


@HOOKS.register_module()
class RelearningHook(Hook):
    """Diagnosing & Re-learning (ECCV 2024, arXiv 2407.09705).

    Every so many epochs of joint training, the features of each modality are
    clustered, on the training and on the validation split. The further apart
    the purities of the clusters are, the further its encoder is set back to
    its initial weights:
    :func:`~mmbalance_plugin.functional.relearning_strength`. Features are
    scaled to [-1, 1] dimension by dimension before they are clustered.
    Origins and behaviour: docs/methods.md.

    Args:
        lam (float): 3 on CREMA-D, 7 on Kinetics-Sounds and UCF101, 8 on MOSI
            (paper). Defaults to 3.
        interval (int): Epochs of the stage between two diagnoses. Defaults
            to 20 (paper; 5 on MOSI).
        times (int, optional): The most diagnoses. Defaults to 3 (released
            code); None is the paper's, no limit.
        momentum (str): What becomes of the optimiser's running averages of
            these weights: 'scale' multiplies them by 1 - a as it does what
            remains of the weights, 'clear' sets them to 0, 'keep' leaves
            them. Defaults to 'scale' (a choice of this project; the released
            code keeps them).

    Raises:
        ValueError: An option is out of range, or, when training starts,
            there is no validation.
    """

    label_kinds = ('soft', )

    def __init__(self,
                 lam: float = 3.,
                 interval: int = 20,
                 times: Optional[int] = 3,
                 momentum: str = 'scale') -> None:
        if interval < 1 or (times is not None and times < 0) or lam < 0:
            raise ValueError(
                'RelearningHook: interval must be at least 1, times and lam '
                f'not negative, got {interval}, {times} and {lam}')
        require_choice('RelearningHook: momentum', momentum, _MOMENTA)
        self.lam = lam
        self.interval = interval
        self.times = times
        self.momentum = momentum
        self.done = 0
        self._initial: Optional[Dict[str, Any]] = None

    def before_train(self, runner) -> None:
        """Note the weights that encoders are set back to."""
        if runner.val_loop is None:
            raise ValueError('RelearningHook compares training with '
                             'validation: drop --no-validate, or the hook')
        model = recognizer_of(runner.model)
        check_label_kinds(model, self)
        if self._initial is None:
            model.note_initial_weights(('encoders', ))
            self._initial = model.initial_state()

    def after_train_epoch(self, runner) -> None:
        """Diagnose and set back, when it is time."""
        model, epoch = recognizer_of(runner.model), current_epoch() + 1
        stage = getattr(runner.train_loop, 'stage', None)
        last = runner.max_epochs if stage is None else stage.epochs
        if not model.fuses or epoch % self.interval or epoch >= last or (
                self.times is not None and self.done >= self.times):
            return
        self.done += 1
        gaps = self.diagnose(runner, model)
        strengths = dict(zip(gaps, relearning_strength(
            torch.tensor(list(gaps.values())), self.lam).tolist()))
        self.set_back(runner, model, strengths)
        record = per_modality(
            relearning_gap=gaps, relearning_strength=strengths)
        runner.visualizer.add_scalars(record, step=runner.epoch + 1)
        text = ', '.join(f'{k} {v:.4g}' for k, v in record.items())
        runner.logger.info(f'Diagnosis {self.done}: {text}')

    def diagnose(self, runner,
                 model: MultimodalRecognizer) -> Dict[str, float]:
        """Purity on training less purity on validation, per modality.

        Of the samples that have it; 0 where none has.
        """
        gaps = [dict.fromkeys(model.modalities, 0.)]
        for loop, sign in ((runner.train_loop, 1), (runner.val_loop, -1)):
            bank = feature_bank(model, loop.dataloader, features=True,
                                title='features for a diagnosis')
            if not is_main_process():
                continue
            for m, features in bank.features.items():
                there = bank.present.get(m, slice(None))
                gaps[0][m] += sign * self._purity(features[there],
                                                  bank.targets[there])
        broadcast_object_list(gaps)
        return gaps[0]

    def _purity(self, features: Tensor, targets: Tensor) -> float:
        if not len(features):
            return 0.
        # Here and not above: a second to import, for one method.
        from sklearn.cluster import KMeans
        from sklearn.preprocessing import minmax_scale
        classes = int(targets.max()) + 1
        found = KMeans(
            min(classes, len(features)), n_init=10,
            random_state=0).fit_predict(
                minmax_scale(features.cpu().numpy(), (-1, 1)))
        return cluster_purity(torch.from_numpy(found), targets.cpu())

    @torch.no_grad()
    def set_back(self, runner, model: MultimodalRecognizer,
                 strengths: Dict[str, float]) -> None:
        """Move encoders towards their initial weights, from 0 to 1."""
        initial = model.initial_weights(('encoders', ))
        state = runner.optim_wrapper.optimizer.state
        for modality, strength in strengths.items():
            for name, weight in model.encoders[modality].named_parameters():
                if not weight.requires_grad:
                    continue
                weight.lerp_(initial[f'encoders.{modality}.{name}'], strength)
                kept = dict(scale=1 - strength, clear=0., keep=1.)
                for value in state.get(weight, {}).values():
                    # Not the counters.
                    if torch.is_tensor(value) and value.shape == weight.shape:
                        value.mul_(kept[self.momentum])

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint[_STATE_KEY] = dict(done=self.done, initial=self._initial)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        state = checkpoint.get(_STATE_KEY)
        if runner._resume and state is not None:
            self.done, self._initial = state['done'], state['initial']
            recognizer_of(runner.model).load_initial_state(self._initial)
