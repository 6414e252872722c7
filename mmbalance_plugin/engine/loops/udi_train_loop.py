"""UDI: train an anchor alone, then followers guided by it."""
from typing import Any, Dict, List, Optional, Sequence, Union

from torch.utils.data import DataLoader

from ...registry import LOOPS
from ...utils.choices import require_choice
from ..features import feature_bank
from ..udi import AnchorChoice, AnchorGuidance, choose_anchor
from ..udi.presets import preset as find_preset
from .stage import Stage, main_metric
from .staged_train_loop import StagedTrainLoop

_PRESET = 'preset'


@LOOPS.register_module()
class UDITrainLoop(StagedTrainLoop):
    """The two phases of UDI (arXiv 2509.02281) for any number of modalities.

    Phase 1 trains every modality alone: one unimodal stage each, the same
    computation as the unimodal configs. The best one becomes the anchor and
    is frozen. Phase 2 trains every other modality once more as a follower,
    towards :class:`AnchorGuidance` beside its own loss. Origins of the options
    and behaviour: docs/methods.md.

    A head that has a fused part beside its branches
    (:class:`BranchedConcatHead`) gets a last stage that trains it over the
    frozen branches: the paper's concatenation.

    Args:
        runner (Runner): The runner; its model must be a
            ``MultimodalRecognizer`` with a ``DecisionHead``.
        dataloader (DataLoader | dict): Training data.
        max_epochs (int, optional): Epochs of each modality in phase 1.
            Defaults to None: ``max_epochs`` at the config's top level.
        follower_epochs (int): Epochs of each follower. Defaults to None,
            those of phase 1.
        anchor (str): 'auto', or the name of a modality. Defaults to 'auto':
            by validation accuracy, see :func:`choose_anchor`.
        anchor_tolerance (float): See there. Defaults to 0.005.
        anchor_dataloader (dict): Data on which the anchor is chosen.
            Defaults to None, the validation data. Never give test data.
        follower_start (str): 'scratch' starts followers from their initial
            weights, 'unimodal' from those of phase 1. Defaults to
            'scratch'.
        preset (str): Where the options come from that are not given here:
            'stable', 'paper' or 'paper_literal'; see
            :mod:`mmbalance_plugin.engine.udi.presets`. Defaults to 'stable'.
        order (str): 'star': the anchor guides each follower; 'progressive':
            followers train in the order of their accuracy in phase 1, each
            guided by all before it. Defaults to 'preset': the preset's.
        consistency (dict | None): See :class:`AnchorGuidance`. Defaults to
            'preset'.
        complementarity (dict | None): See there. Defaults to 'preset'.
        controller (dict): Arguments of :class:`AlphaController`, over the
            preset's. Defaults to None.
        cache_anchor (str | bool): See :func:`build_anchor_cache`. Defaults
            to 'auto'.
        cache_device (str): Where these outputs are kept: 4 bytes for each
            feature and class of each sample. 'cpu' is the main memory.
            Defaults to None, the model's device.
        early_stopping (dict): For every stage; see :class:`Stage`. Defaults
            to None.
        kwargs: Others of :class:`StagedTrainLoop`.

    Raises:
        ValueError: Fewer than two modalities, an unknown option or anchor,
            or ``anchor='auto'`` without validation.
    """

    planner = True

    def __init__(self,
                 runner,
                 dataloader,
                 max_epochs: Optional[int] = None,
                 follower_epochs: Optional[int] = None,
                 anchor: str = 'auto',
                 anchor_tolerance: float = 0.005,
                 anchor_dataloader: Optional[Dict] = None,
                 follower_start: str = 'scratch',
                 preset: str = 'stable',
                 order: str = _PRESET,
                 consistency: Union[Dict, str, None] = _PRESET,
                 complementarity: Union[Dict, str, None] = _PRESET,
                 controller: Optional[Dict] = None,
                 cache_anchor: Union[str, bool] = 'auto',
                 cache_device: Optional[str] = None,
                 early_stopping: Optional[Dict] = None,
                 **kwargs) -> None:
        given = dict(
            order=order,
            consistency=consistency,
            complementarity=complementarity)
        options: Dict[str, Any] = find_preset(preset)
        options.update({k: v for k, v in given.items() if v != _PRESET})
        self.order = options.pop('order')
        for key, value, known in (
                ('follower_start', follower_start, ('scratch', 'unimodal')),
                ('cache_anchor', cache_anchor, ('auto', True, False)),
                ('cache_device', cache_device, (None, 'cpu')),
                ('order', self.order, ('star', 'progressive'))):
            require_choice(key, value, known)
        if anchor == 'auto' and runner._val_loop is None and \
                anchor_dataloader is None:
            raise ValueError("anchor='auto' needs validation: drop "
                             '--no-validate, give anchor_dataloader, or name '
                             'the anchor')
        self._follower_epochs = follower_epochs
        self.wanted_anchor = anchor
        self.anchor_tolerance = anchor_tolerance
        self.anchor_dataloader: Optional[DataLoader] = None
        if anchor_dataloader is not None:
            self.anchor_dataloader = runner.build_dataloader(
                anchor_dataloader, seed=runner.seed)
        self.follower_start = follower_start
        self.guidance_cfg = dict(
            options,
            type='mmbalance_plugin.AnchorGuidance',
            controller={
                **options['controller'],
                **(controller or {})
            },
            cache=cache_anchor,
            cache_device=cache_device)
        self.early_stopping = early_stopping
        self.choice: Optional[AnchorChoice] = None
        self.guidance: Optional[AnchorGuidance] = None
        super().__init__(runner, dataloader, max_epochs=max_epochs, **kwargs)

    # ---- stages --------------------------------------------------------
    def plan(self, stages: Optional[Sequence[Dict]]) -> List[Stage]:
        """Phase 1's stages, and phase 2's with followers yet unnamed."""
        modalities = self.model.modalities
        if len(modalities) < 2:
            raise ValueError('UDITrainLoop needs at least two modalities, got '
                             f'{modalities}')
        self.follower_epochs = self.default_epochs if \
            self._follower_epochs is None else self._follower_epochs
        if self.follower_epochs < 1:
            raise ValueError('follower_epochs must be at least 1, got '
                             f'{self.follower_epochs}; without consistency '
                             'and complementarity phase 2 repeats phase 1')
        require_choice('anchor', self.wanted_anchor, ('auto', *modalities))
        alone = [
            self._stage(f'unimodal_{m}', m, self.default_epochs)
            for m in modalities
        ]
        # Whoever may become the anchor: its followers are built and tried
        # now, so that nothing about them is told after phase 1. Any stand in
        # for those of the chosen one; only their number is known.
        anchors = modalities if self.wanted_anchor == 'auto' else (
            self.wanted_anchor, )
        followers = [self._followers(anchor) for anchor in anchors][0]
        for i, stage in enumerate(followers[:len(modalities) - 1], 1):
            stage.name = f'follower_{i}'
        return alone + followers

    def _stage(self, name: str, part: str, epochs: int, **kwargs) -> Stage:
        cfg = dict(
            name=name,
            train=[part],
            monitor=f'{main_metric(self.model)}_{part}',
            early_stopping=self.early_stopping)
        return Stage.from_cfg({**cfg, **kwargs}, self.model, epochs)

    def _followers(self, anchor: str) -> List[Stage]:
        """The stages of phase 2, in the order in which they train."""
        others = [m for m in self.model.modalities if m != anchor]
        progressive = self.order == 'progressive'
        if progressive and self.choice is not None:
            accuracy = self.choice.accuracy
            others.sort(key=lambda m: -accuracy.get(m, 0.))
        stages = [
            self._follower(m, [anchor, *(others[:i] if progressive else ())])
            for i, m in enumerate(others)
        ]
        fused = getattr(self.model.head, 'fused_part', None)
        if fused is not None:
            stages.append(
                self._stage('fused_head', fused, self.follower_epochs,
                            objective='fused',
                            monitor=main_metric(self.model)))
        return stages

    def _follower(self, modality: str, teachers: List[str]) -> Stage:
        objective: List[Dict[str, Any]] = [
            dict(type='mmbalance_plugin.UnimodalLoss')
        ]
        if self.guidance_cfg['consistency'] or \
                self.guidance_cfg['complementarity']:
            objective.append(
                dict(
                    self.guidance_cfg,
                    anchor=teachers if len(teachers) > 1 else teachers[0],
                    follower=modality))
        return self._stage(
            f'follower_{modality}',
            modality,
            self.follower_epochs,
            objective=objective,
            init='scratch' if self.follower_start == 'scratch' else 'keep')

    def _take(self, choice: AnchorChoice) -> None:
        """Name the followers of the chosen anchor."""
        self.choice = choice
        self.stages[len(self.model.modalities):] = self._followers(
            choice.anchor)

    def to_be_reset(self) -> Sequence[str]:
        """Every modality may become a follower."""
        return ('', ) if self.follower_start == 'scratch' else ()

    def binds(self, name: str, state: Dict[str, Any]) -> bool:
        """Adds the anchor, once it is chosen."""
        choice = state['extra'].get('choice')
        if name != 'train_cfg.anchor' or choice is None:
            return super().binds(name, state)
        return self.wanted_anchor not in ('auto', choice['anchor'])

    def prepare_stage(self) -> None:
        """Choose the anchor after phase 1."""
        if self.choice is None and \
                self.stage_index >= len(self.model.modalities):
            choice = self._choose_anchor()
            self.runner.logger.info(f'UDI: {choice.reason}')
            self._take(choice)

    def _choose_anchor(self) -> AnchorChoice:
        runner, model = self.runner, self.model
        loader = self.anchor_dataloader
        if loader is None and runner.val_loop is not None:
            loader = runner.val_loop.dataloader
        if loader is None:
            return AnchorChoice(self.wanted_anchor, {}, {},
                                f'anchor {self.wanted_anchor}: named in the '
                                'config, nothing was validated')
        model.leave_stage()
        with self.uncounted():
            outputs = feature_bank(model, loader, title='choosing the anchor')
        choice = choose_anchor(outputs.logits, outputs.targets,
                               self.anchor_tolerance, outputs.present)
        if self.wanted_anchor != 'auto':
            choice = choice._replace(
                anchor=self.wanted_anchor,
                reason=f'anchor {self.wanted_anchor}: named in the config; '
                f'by validation it would be: {choice.reason}')
        return choice

    def _configure_stage(self) -> None:
        super()._configure_stage()
        self.guidance = next(
            (t for t in self.model.terms if isinstance(t, AnchorGuidance)),
            None)

    # ---- checkpoints ---------------------------------------------------
    def extra_state(self) -> Dict[str, Any]:
        return dict(
            choice=None if self.choice is None else self.choice._asdict())

    def load_extra_state(self, state: Dict[str, Any]) -> None:
        # Another loop's has none: its stages differ, the caller says so.
        choice = state.get('choice')
        if choice is not None and choice['anchor'] in self.model.modalities:
            self._take(AnchorChoice(**choice))

    def summary(self) -> Dict[str, Any]:
        if self.choice is None:
            return dict(anchor=None)
        return dict(
            anchor=self.choice.anchor, anchor_reason=self.choice.reason)
