"""UDI: train an anchor alone, then followers guided by it."""
from contextlib import nullcontext
from typing import Any, Dict, List, Optional, Sequence, Union

from ...registry import LOOPS, MODELS
from ...utils import stream_seed
from ...utils.run_state import run_seed
from ..inference import forward_dataset
from ..udi import (
    AlphaController,
    AnchorChoice,
    AnchorGuidance,
    build_anchor_cache,
    choose_anchor,
)
from .stage import Stage
from .staged_train_loop import StagedTrainLoop

_STARTS = ('scratch', 'unimodal')
_CONSISTENCY = dict(type='mmbalance_plugin.JSDivergenceLoss')
_COMPLEMENTARITY = dict(type='mmbalance_plugin.CLUBLoss')


@LOOPS.register_module()
class UDITrainLoop(StagedTrainLoop):
    """The two phases of UDI (arXiv 2509.02281) for any number of modalities.

    Phase 1 trains every modality alone: one unimodal stage each, the same
    computation as the unimodal configs. The best one becomes the anchor and
    is frozen. Phase 2 trains every other modality once more as a follower:
    cross-entropy plus a Jensen-Shannon consistency term and a CLUB
    complementarity term towards the anchor, weighted by gradient alignment.
    Each follower has its own estimator and weights. Without both terms
    phase 2 repeats phase 1, and the run equals decoupled late fusion.

    What the paper leaves open is an option; the default stands first.

    Args:
        runner (Runner): The runner; its model must be a
            ``MultimodalRecognizer`` with a ``DecisionHead``.
        dataloader (DataLoader | dict): Training data.
        max_epochs (int): Epochs of each modality in phase 1.
        follower_epochs (int): Epochs of each follower. Defaults to None,
            ``max_epochs``.
        anchor (str): 'auto', or the name of a modality. Defaults to 'auto':
            by validation accuracy, see :func:`choose_anchor`.
        anchor_tolerance (float): Accuracies this close to the best, as a
            fraction of 1, count as similar: the lower predictive entropy
            decides. Defaults to 0.005.
        anchor_dataloader (dict): Data on which the anchor is chosen.
            Defaults to None, the validation data. Never give test data.
        follower_start (str): 'scratch' starts followers from their initial
            weights, 'unimodal' from those of phase 1. Defaults to
            'scratch'.
        consistency (dict | None): Loss on (anchor logits, follower logits).
            Defaults to ``JSDivergenceLoss``.
        complementarity (dict | None): Loss on (anchor features, follower
            features). Defaults to ``CLUBLoss``, with its stable form.
        controller (dict): Arguments of :class:`AlphaController`. Defaults
            to None, its defaults.
        cache_anchor (str | bool): 'auto' computes the anchor's outputs once
            per sample where an index certainly gives the same sample each
            time (see :func:`mmbalance_plugin.datasets.why_random`), True
            insists, False runs it in every step. Defaults to 'auto'.
        cache_device (str): Where these outputs are kept: 4 bytes for each
            feature and class of each sample. 'cpu' is the main memory, from
            where each step copies its batch. Defaults to None, the model's
            device.
        early_stopping (dict): For every stage; see :class:`Stage`. Defaults
            to None.
        val_begin (int): See :class:`StagedTrainLoop`. Defaults to 1.
        val_interval (int): See there. Defaults to 1.

    Raises:
        ValueError: Fewer than two modalities, an unknown option or anchor,
            or ``anchor='auto'`` without validation.

    Note:
        Beyond :class:`StagedTrainLoop`: under DDP the CLUB bound is that of
        the global batch, controller gradients are averaged over ranks
        before the products, and anchor, weights and estimator are the same
        on all ranks. The checkpoint carries anchor, weights, estimator and
        its optimiser; ``--resume`` continues inside any stage. The
        estimator steps once per forward, so under gradient accumulation
        once per micro-batch, in float32 also under AMP.
    """

    def __init__(self,
                 runner,
                 dataloader,
                 max_epochs: int,
                 follower_epochs: Optional[int] = None,
                 anchor: str = 'auto',
                 anchor_tolerance: float = 0.005,
                 anchor_dataloader: Optional[Dict] = None,
                 follower_start: str = 'scratch',
                 consistency: Optional[Dict] = _CONSISTENCY,
                 complementarity: Optional[Dict] = _COMPLEMENTARITY,
                 controller: Optional[Dict] = None,
                 cache_anchor: Union[str, bool] = 'auto',
                 cache_device: Optional[str] = None,
                 early_stopping: Optional[Dict] = None,
                 val_begin: int = 1,
                 val_interval: int = 1) -> None:
        if follower_start not in _STARTS:
            raise ValueError(f'follower_start must be one of {_STARTS}, got '
                             f'{follower_start!r}')
        if cache_anchor not in ('auto', True, False):
            raise ValueError("cache_anchor must be 'auto', True or False, "
                             f'got {cache_anchor!r}')
        if cache_device not in (None, 'cpu'):
            raise ValueError(f"cache_device must be None or 'cpu', got "
                             f'{cache_device!r}')
        if anchor == 'auto' and runner._val_loop is None and \
                anchor_dataloader is None:
            raise ValueError("anchor='auto' needs validation: drop "
                             '--no-validate, give anchor_dataloader, or name '
                             'the anchor')
        self.follower_epochs = follower_epochs or int(max_epochs)
        self.wanted_anchor = anchor
        self.anchor_tolerance = anchor_tolerance
        self.anchor_dataloader = anchor_dataloader
        self.follower_start = follower_start
        self.consistency_cfg = consistency
        self.complementarity_cfg = complementarity
        self.controller = AlphaController(**(controller or {}))
        self.cache_anchor = cache_anchor
        self.cache_device = cache_device
        self.early_stopping = early_stopping
        self.choice: Optional[AnchorChoice] = None
        self.guidance: Optional[AnchorGuidance] = None
        super().__init__(
            runner,
            dataloader,
            max_epochs=max_epochs,
            val_begin=val_begin,
            val_interval=val_interval)
        # A typing error in phase 2 should not wait for phase 1 to end.
        for cfg in (consistency, complementarity):
            if cfg is not None and MODELS.get(cfg['type']) is None:
                raise ValueError(f'{cfg["type"]} is not a registered loss')

    # ---- stages --------------------------------------------------------
    def plan(self, stages: Optional[Sequence[Dict]]) -> List[Stage]:
        """Phase 1's stages, and phase 2's with followers yet unnamed."""
        modalities = self.modalities
        if modalities is None or len(modalities) < 2:
            raise ValueError('UDITrainLoop needs a MultimodalRecognizer with '
                             f'at least two modalities, got {modalities}')
        if self.wanted_anchor not in ('auto', *modalities):
            raise ValueError(f"anchor must be 'auto' or one of "
                             f'{list(modalities)}, got '
                             f'{self.wanted_anchor!r}')
        alone = [
            self._stage(f'unimodal_{m}', m, self.default_epochs)
            for m in modalities
        ]
        # The order of the followers is known, their names are not yet: any
        # modality stands in for them until the anchor is chosen.
        followers = [
            self._stage(f'follower_{i}', modalities[i], self.follower_epochs)
            for i in range(1, len(modalities))
        ]
        return alone + followers

    def _stage(self, name: str, modality: str, epochs: int) -> Stage:
        return Stage.from_cfg(
            dict(
                name=name,
                train=[modality],
                objective='unimodal',
                early_stopping=self.early_stopping), self.modalities, epochs)

    def _name_followers(self) -> None:
        first = len(self.modalities)
        followers = [m for m in self.modalities if m != self.choice.anchor]
        for i, follower in enumerate(followers):
            stage = self._stage(f'follower_{follower}', follower,
                                self.follower_epochs)
            stage.init = ('scratch'
                          if self.follower_start == 'scratch' else 'keep')
            self.stages[first + i] = stage

    def to_be_reset(self) -> Sequence[str]:
        """Every modality may become a follower."""
        return self.modalities if self.follower_start == 'scratch' else ()

    @property
    def in_phase_two(self) -> bool:
        """bool: Whether the running stage trains a follower."""
        return (len(self.modalities) <= self.stage_index < len(self.stages))

    def prepare_stage(self) -> None:
        """Choose the anchor after phase 1; give a follower its guidance."""
        if not self.in_phase_two:
            return
        if self.choice is None:
            self.choice = self._choose_anchor()
            self.runner.logger.info(f'UDI: {self.choice.reason}')
            self._name_followers()
        self._build_guidance()

    def _choose_anchor(self) -> AnchorChoice:
        runner, model = self.runner, self.model
        loader = self.anchor_dataloader
        if loader is not None:
            loader = runner.build_dataloader(loader, seed=runner.seed)
        elif runner.val_loop is not None:
            loader = runner.val_loop.dataloader
        if loader is None:
            return AnchorChoice(self.wanted_anchor, {}, {},
                                f'anchor {self.wanted_anchor}: named in the '
                                'config, nothing was validated')
        model.leave_stage()
        with self.uncounted():
            outputs = forward_dataset(
                model,
                loader,
                logger=runner.logger,
                title='choosing the anchor')
        choice = choose_anchor(outputs.logits, outputs.targets,
                               self.anchor_tolerance, outputs.present)
        if self.wanted_anchor != 'auto':
            choice = choice._replace(
                anchor=self.wanted_anchor,
                reason=f'anchor {self.wanted_anchor}: named in the config; '
                f'by validation it would be: {choice.reason}')
        return choice

    def _build_guidance(self) -> None:
        model, anchor = self.model, self.choice.anchor
        follower = self.stage.train[0]
        if not self.consistency_cfg and not self.complementarity_cfg:
            self.guidance = None
            return
        consistency = complementarity = None
        if self.consistency_cfg:
            consistency = MODELS.build(self.consistency_cfg)
        if self.complementarity_cfg:
            cfg = dict(self.complementarity_cfg)
            if 'CLUB' in cfg['type']:
                cfg.setdefault('x_channels',
                               model.encoders[anchor].out_channels)
                cfg.setdefault('y_channels',
                               model.encoders[follower].out_channels)
                cfg.setdefault(
                    'seed',
                    stream_seed(run_seed(), 'estimator', follower))
            complementarity = MODELS.build(cfg)
        device = next(model.parameters()).device
        self.guidance = AnchorGuidance(
            anchor, follower, consistency, complementarity,
            self.controller.start).to(device)
        self.stage.auxiliary = self.guidance

    def start_stage(self) -> None:
        """Cache the anchor's outputs once its weights are in place."""
        if not self.in_phase_two or self.guidance is None:
            return
        # Filled again after a resume: the checkpoint has counted it.
        again = self.progress.epoch > 0
        with self.uncounted() if again else nullcontext():
            self.guidance.cache = build_anchor_cache(
                self.model, self.dataloader, self.choice.anchor,
                self.cache_anchor, self.cache_device, self.runner.logger)

    # ---- epochs --------------------------------------------------------
    def run_iter(self, idx, data_batch) -> None:
        """One step; the first of an epoch updates the weights before."""
        if idx == 0 and self.in_phase_two and self.guidance is not None:
            self._update_alphas(data_batch)
        super().run_iter(idx, data_batch)

    def _update_alphas(self, data_batch) -> None:
        guidance, follower = self.guidance, self.guidance.follower
        record = {}
        if self.controller.due(self.progress.epoch):
            aligned = self.controller.update(self.model, guidance, data_batch)
            record = {f'align_{k}_{follower}': v for k, v in aligned.items()}
        record.update({
            f'alpha_{k}_{follower}': v
            for k, v in guidance.alphas.items()
        })
        self._epoch_record = record

    def end_epoch(self) -> None:
        """Log the epoch's weights, alignments and estimator."""
        if not self.in_phase_two or self.guidance is None:
            return
        record, follower = dict(self._epoch_record), self.guidance.follower
        club = self.guidance.complementarity
        if hasattr(club, 'end_epoch'):
            record.update({
                f'club_{key}_{follower}': value
                for key, value in club.end_epoch().items()
            })
        self.progress.history.append(dict(epoch=self.progress.epoch, **record))
        self.runner.visualizer.add_scalars(record, step=self.epoch + 1)
        text = ', '.join(f'{k} {v:.4g}' for k, v in record.items())
        self.runner.logger.info(f'UDI epoch {self.progress.epoch}: {text}')

    # ---- checkpoints ---------------------------------------------------
    def extra_state(self) -> Dict[str, Any]:
        """Anchor, weights, estimator and its optimiser."""
        guidance = None
        if self.guidance is not None and self.in_phase_two:
            guidance = dict(
                alphas=dict(self.guidance.alphas),
                modules=self.guidance.state_dict())
        return dict(
            choice=None if self.choice is None else self.choice._asdict(),
            guidance=guidance)

    def load_extra_state(self, state: Dict[str, Any]) -> None:
        """Rebuild the guidance and give it the saved state."""
        if not state:  # another loop's: its stages differ, the caller says so
            return
        self._saved_guidance = state['guidance']
        if state['choice'] is not None:
            self.choice = AnchorChoice(**state['choice'])
            self._name_followers()

    def _configure_stage(self) -> None:
        saved = getattr(self, '_saved_guidance', None)
        if saved is not None:
            self._build_guidance()
            self.guidance.load_state_dict(saved['modules'])
            self.guidance.alphas = dict(saved['alphas'])
            self._saved_guidance = None
        super()._configure_stage()

    def summary(self) -> Dict[str, Any]:
        """The anchor and why."""
        if self.choice is None:
            return dict(anchor=None)
        return dict(
            anchor=self.choice.anchor, anchor_reason=self.choice.reason)
