"""G-Blending's offline form: weigh the heads once, then train."""
from typing import Any, Dict, List, Optional, Sequence

from ...functional import g_blend_weights
from ...models.objectives.g_blend import FUSED, Pairs
from ...registry import LOOPS
from .stage import Stage
from .staged_train_loop import StagedTrainLoop


@LOOPS.register_module()
class GBlendTrainLoop(StagedTrainLoop):
    """Offline G-Blending (CVPR 2020, arXiv 1905.12681).

    From the same initial weights, each modality is trained alone, then the
    fused prediction alone: a stage each. What their losses did gives the
    weights of a last stage, :class:`GBlend`, equal ones where all got worse.

    Args:
        runner (Runner): The runner; its model must be a
            ``MultimodalRecognizer``.
        dataloader (DataLoader | dict): Training data.
        max_epochs (int, optional): Epochs of the last stage. Defaults to
            None: ``max_epochs`` at the config's top level.
        estimate_epochs (int, optional): Epochs of each stage before it.
            Defaults to None: as many (paper).
        heads (str): See :class:`UnimodalLoss`. Defaults to 'shared'.
        kwargs: Others of :class:`StagedTrainLoop`.

    Raises:
        ValueError: Nothing is held out.
    """

    planner = True

    def __init__(self,
                 runner,
                 dataloader,
                 max_epochs: Optional[int] = None,
                 estimate_epochs: Optional[int] = None,
                 heads: str = 'shared',
                 **kwargs) -> None:
        self.estimate_epochs = estimate_epochs
        self.heads = heads
        self.measured: Dict[str, Pairs] = dict(start={}, end={})
        super().__init__(runner, dataloader, max_epochs=max_epochs, **kwargs)

    # ---- stages --------------------------------------------------------
    def plan(self, stages: Optional[Sequence[Dict]]) -> List[Stage]:
        """A stage per head, and the one that blends them."""
        cfgs = [self._alone(m) for m in self.model.modalities]
        cfgs.append(dict(name=FUSED, objective='fused'))
        for cfg in cfgs:
            cfg.update(keep='last')
            if self.estimate_epochs is not None:
                cfg.update(epochs=self.estimate_epochs)
        cfgs.append(dict(name='blend', objective=self._blend()))
        return [
            Stage.from_cfg(
                dict(cfg, init='scratch'), self.model, self.default_epochs)
            for cfg in cfgs
        ]

    def _alone(self, modality: str) -> Dict[str, Any]:
        train = [modality]
        if self.model.head.branches is None or self.heads == 'own':
            train = [f'encoders.{modality}']
            if self.heads != 'own':
                train.append('head')
        term = dict(
            type='mmbalance_plugin.UnimodalLoss',
            modalities=[modality],
            heads=self.heads)
        return dict(
            name=f'unimodal_{modality}', train=train, objective=[term])

    def _blend(self, weights: Optional[Dict[str, float]] = None) -> List[Dict]:
        term = dict(type='mmbalance_plugin.GBlend', form='fixed')
        return [dict(term, heads=self.heads, weights=weights)]

    @property
    def weights(self) -> Optional[Dict[str, float]]:
        """dict[str, float] | None: The weights, once they are known; None
        where no head has gained."""
        start, end = self.measured['start'], self.measured['end']
        if len(end) < len(self.stages) - 1:
            return None
        found = g_blend_weights(start, end)
        return found if any(found.values()) else None

    # ---- measuring -----------------------------------------------------
    def prepare_stage(self) -> None:
        """Hand the weights to the last stage."""
        self.stages[-1].objective = self._blend(self.weights)

    def _enter_stage(self) -> None:
        super()._enter_stage()
        self._measure('start')

    def _finish_stage(self) -> None:
        self._measure('end')
        super()._finish_stage()

    def _measure(self, when: str) -> None:
        if self.stage is self.stages[-1]:
            return
        found = self.training_and_held_out(self.terms)
        name = self.stage.name.removeprefix('unimodal_')
        self.measured[when][name], = found.values()

    # ---- checkpoints ---------------------------------------------------
    def extra_state(self) -> Dict[str, Any]:
        return dict(measured=self.measured)

    def load_extra_state(self, state: Dict[str, Any]) -> None:
        if 'measured' in state:
            self.measured = state['measured']
            self.prepare_stage()

    def summary(self) -> Dict[str, Any]:
        return dict(g_blend=dict(self.measured, weights=self.weights))
