"""ReconBoost: modalities take turns, with joint corrections between."""
from typing import Any, Dict, List, Optional, Sequence

from ...registry import LOOPS
from .stage import Stage
from .staged_train_loop import StagedTrainLoop


@LOOPS.register_module()
class ReconBoostTrainLoop(StagedTrainLoop):
    """ReconBoost (ICML 2024, arXiv 2405.09321).

    Each modality alone first: the stages of late fusion. Then rounds, in
    which each modality has a turn, the others frozen, towards
    :class:`ReconBoostLoss`, and after each turn everything trains towards
    the fused prediction. The model is what the last of these corrections
    leaves, its best epoch by validation.

    Args:
        runner (Runner): The runner; its model must be a
            ``MultimodalRecognizer`` with a ``DecisionHead``, whose
            ``combine='sum_logits'`` is the method's.
        dataloader (DataLoader | dict): Training data.
        max_epochs (int, optional): Epochs of each modality alone. Defaults to
            None: ``max_epochs`` at the config's top level.
        turn_epochs (int): Of each turn. Defaults to 4 (released code).
        correction_epochs (int): Of each correction. Defaults to 4 (released
            code).
        rounds (int, optional): Defaults to None: as many as ``max_epochs``
            has room for with a turn and a correction each, at least 1.
        own (float): See :class:`ReconBoostLoss`. Defaults to 5.
        shared (float): See there. Defaults to 1.
        kwargs: Others of :class:`StagedTrainLoop`.

    Note:
        Each turn and each correction has an optimiser of its own (as in the
        released code) and the config's schedule over its own epochs.

    Raises:
        ValueError: Epochs or rounds are not positive.
    """

    planner = True

    def __init__(self,
                 runner,
                 dataloader,
                 max_epochs: Optional[int] = None,
                 turn_epochs: int = 4,
                 correction_epochs: int = 4,
                 rounds: Optional[int] = None,
                 own: float = 5.,
                 shared: float = 1.,
                 **kwargs) -> None:
        for key, value in (('turn_epochs', turn_epochs),
                           ('correction_epochs', correction_epochs),
                           ('rounds', rounds)):
            if value is not None and value < 1:
                raise ValueError(f'{key} must be at least 1, got {value}')
        self.turn_epochs = turn_epochs
        self.correction_epochs = correction_epochs
        self.rounds = rounds
        self.term = dict(
            type='mmbalance_plugin.ReconBoostLoss', own=own, shared=shared)
        super().__init__(runner, dataloader, max_epochs=max_epochs, **kwargs)

    def plan(self, stages: Optional[Sequence[Dict]]) -> List[Stage]:
        """Each modality alone, then turns and corrections."""
        rounds = self.rounds or max(1, self.default_epochs // (
            self.turn_epochs + self.correction_epochs))
        names = self.model.modalities
        cfgs: List[Dict[str, Any]] = [
            dict(name=f'unimodal_{m}', train=[m]) for m in names]
        for i in range(1, rounds + 1):
            for m in names:
                cfgs += [
                    dict(
                        name=f'turn_{i}_{m}',
                        train=[m],
                        objective=[self.term],
                        epochs=self.turn_epochs,
                        keep='last'),
                    dict(
                        name=f'correction_{i}_{m}',
                        objective='fused',
                        epochs=self.correction_epochs,
                        keep='last')
                ]
        cfgs[-1]['keep'] = 'best'
        return [
            Stage.from_cfg(cfg, self.model, self.default_epochs)
            for cfg in cfgs
        ]
