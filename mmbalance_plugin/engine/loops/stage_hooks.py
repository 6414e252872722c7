"""What a staged loop adds to a runner's hooks."""
from mmengine.dist import all_reduce_params, is_distributed
from mmengine.hooks import (
    CheckpointHook,
    EarlyStoppingHook,
    EMAHook,
    Hook,
    SyncBuffersHook,
)

from ...utils.fit import CheckpointMismatchError, refuse_misfit
from .run_settings import ResumeError

STATE_KEY = 'staged_loop'


class StageStateHook(Hook):
    """Carry the loop's state in the runner's checkpoints."""

    priority = 'VERY_HIGH'

    def __init__(self, loop) -> None:
        self.loop = loop

    def after_val_epoch(self, runner, metrics=None) -> None:
        """Before any hook that saves, schedules or swaps weights back.

        A checkpoint written in a later hook (a best one makes the epoch's
        be written again) then says that this validation is over. Otherwise
        a resumed run would repeat it, on hooks that have counted it already.
        """
        self.loop.take_validation(metrics or {})

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Runs on rank 0 only, so nothing here may be a collective."""
        checkpoint[STATE_KEY] = self.loop.state_dict()

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Runs before weights and optimiser are loaded, on every rank."""
        if not runner._resume:
            return
        if STATE_KEY not in checkpoint:
            raise ResumeError(
                f'cannot resume: the checkpoint has no {STATE_KEY!r} state, '
                'so it was not written by this loop; start from its weights '
                'with load_from instead of resume')
        for key in ('optimizer', 'param_schedulers'):
            if key not in checkpoint and (key == 'optimizer'
                                          or runner.param_schedulers):
                raise ResumeError(
                    f'cannot resume: the checkpoint holds no {key} (best_*.pth'
                    ' never do); resume from one of the last epochs, or start '
                    'from its weights with load_from')
        try:
            self.loop.load_state_dict(checkpoint[STATE_KEY])
        except ResumeError as error:
            raise ResumeError(
                str(error) + self._misfit(checkpoint)) from error
        if self.loop.done:
            # Nothing trains any more, and no stage's groups are there.
            for key in ('optimizer', 'param_schedulers'):
                checkpoint.pop(key, None)

    def _misfit(self, checkpoint: dict) -> str:
        """What else there is to say where a resume is refused."""
        try:
            refuse_misfit(self.loop.model.state_dict(),
                          checkpoint.get('state_dict', {}), 'the checkpoint')
        except CheckpointMismatchError as error:
            return f'\n{error}'
        return ''


class StageSyncBuffersHook(SyncBuffersHook):
    """Average the buffers of the parts that train, and only those.

    mmengine's hook averages every buffer. Over three ranks (x + x + x) / 3
    is not x in floating point, which would change a frozen anchor.
    """

    def after_train_epoch(self, runner) -> None:
        """Average before the checkpoint of this epoch is written."""
        if is_distributed():
            all_reduce_params(self._buffers(runner), op='mean')
        self.called_in_train = True

    def before_val_epoch(self, runner) -> None:
        """Nothing is left to do: this loop synchronises every epoch."""
        self.called_in_train = False

    @staticmethod
    def _buffers(runner):
        model = runner.train_loop.model
        if not hasattr(model, 'part_modules'):
            return list(model.buffers())
        return [b for part in model.part_modules() for b in part.buffers()]


def install_stage_hooks(runner, loop) -> None:
    """Register the loop's state hook, exchange the buffer hook, and refuse
    hooks that know no stages."""
    runner.register_hook(StageStateHook(loop))
    for i, hook in enumerate(runner._hooks):
        if isinstance(hook, CheckpointHook) and not hook.by_epoch:
            raise ValueError(
                f'{type(hook).__name__}(by_epoch=False) writes within an '
                'epoch, where a staged run cannot be resumed: set '
                'by_epoch=True')
        if isinstance(hook, EMAHook):
            raise ValueError(
                'EMAHook does not know stages: its average would mix the '
                'weights of one stage with those another starts from, and '
                'it would be validated in place of the best weights. Remove '
                "it, or train in mmengine's EpochBasedTrainLoop")
        if isinstance(hook, EarlyStoppingHook):
            raise ValueError(
                'EarlyStoppingHook does not know stages: remove it from the '
                'hooks and set early_stopping=dict(patience=...) on a stage')
        if type(hook) is SyncBuffersHook:
            ours = StageSyncBuffersHook()
            ours.priority = hook.priority
            runner._hooks[i] = ours
