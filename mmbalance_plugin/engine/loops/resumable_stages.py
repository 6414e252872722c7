"""What a staged loop keeps in checkpoints, and how it goes on from them."""
from typing import Any, Dict

from ...utils.fit import listed
from .run_settings import (
    ResumeError,
    changes,
    is_binding,
    is_free,
    stage_settings,
)
from .stage_setup import StageSetup


class ResumableStages(StageSetup):
    """The state of :class:`StagedTrainLoop`.

    Hooks ask for it on rank 0 only, so nothing here may be a collective
    before a checkpoint is written.
    """

    def extra_state(self) -> Dict[str, Any]:
        """What a subclass adds to the checkpoint: plain data and tensors."""
        return {}

    def load_extra_state(self, state: Dict[str, Any]) -> None:
        """Undo :meth:`extra_state`, before the stage is configured."""

    def state_dict(self) -> Dict[str, Any]:
        """Everything a resumed run needs beyond mmengine's own state."""
        return dict(
            settings=self._settings,
            stages=stage_settings(self.stages),
            stage_names=[stage.name for stage in self.stages],
            stage_index=self.stage_index,
            progress=self.progress.state_dict(),
            records=self.records,
            sampler_seed=getattr(self.dataloader.sampler, 'seed', None),
            init_seed=getattr(self.model, 'init_seed', None),
            initial=self.model.initial_state() if self.to_be_reset() else None,
            terms=[term.state_dict() for term in self.terms],
            extra=self.extra_state())

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        """Continue from a checkpoint: called before the weights are read,
        so that optimiser and schedules exist when theirs arrive.

        Raises:
            ResumeError: The checkpoint was written with settings that
                cannot be changed any more.
        """
        if 'settings' not in state:
            raise ResumeError(
                'the checkpoint was written by an older version of this '
                'package: finish the run with that one')
        self.load_extra_state(state['extra'])
        names = [stage.name for stage in self.stages]
        if names != state['stage_names']:
            raise ResumeError(
                f'the checkpoint was trained in stages '
                f'{state["stage_names"]}, the config has {names}: resume '
                'with the config the run was started with')
        self._check_settings(state)
        self.stage_index = state['stage_index']
        self.records = list(state['records'])
        self._max_epochs = sum(record['epochs'] for record in self.records)
        self._max_epochs += sum(stage.epochs
                                for stage in self.stages[self.stage_index:])
        self.progress.load_state_dict(state['progress'])
        if state['init_seed'] is not None:
            self.model.init_seed = state['init_seed']
        if state['initial'] is not None:
            self.model.load_initial_state(state['initial'])
        if state['sampler_seed'] is not None:
            # Without a seed in the config mmengine drew a new one.
            self.dataloader.sampler.seed = state['sampler_seed']
        self._resumed = True
        if not self.done:
            self._configure_stage()
            for term, saved in zip(self.terms, state['terms']):
                term.load_state_dict(saved)

    def _check_settings(self, state: Dict[str, Any]) -> None:
        """Tell what differs from a checkpoint, or refuse to go on from it:
        settings of the run that bind, of stages that have begun, or what a
        stage starts from."""
        changed = [(text, self.binds(name, state)) for name, text in changes(
            state['settings'], self._settings).items()]
        pairs = zip(state['stages'], stage_settings(self.stages))
        for i, (before, now) in enumerate(pairs):
            begun = i <= state['stage_index']
            changed += [(text, (begun or name.endswith(': init'))
                         and not is_free(name))
                        for name, text in changes(before, now).items()]
        refused = [text for text, bound in changed if bound]
        if refused:
            raise ResumeError(
                'cannot resume, since what has been trained depends on '
                f'settings that have changed:\n  {listed(refused)}\nresume '
                'with the settings of before, or start a new run from these '
                'weights with load_from')
        for text, _ in changed:
            self.runner.logger.warning(f'resumed with a change: {text}')

    def binds(self, name: str, state: Dict[str, Any]) -> bool:
        """Whether a setting of the run, no stage's, has shaped what a
        checkpoint holds; if not, the run may go on with another value."""
        return is_binding(name)
