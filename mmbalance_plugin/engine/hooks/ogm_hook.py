"""OGM and OGM-GE beside an optim wrapper of the user's own."""
from mmengine.hooks import Hook

from ...registry import HOOKS
from ..modulation import GradientModulator, attach_modulation


@HOOKS.register_module()
class OGMHook(Hook):
    """Modulate gradients without a change to ``optim_wrapper``.

    The same modulation as :class:`OGMOptimWrapper`, bit for bit, given to
    whatever ``OptimWrapper`` or ``AmpOptimWrapper`` the config builds, with
    its own clipping, accumulation and mixed precision. A stage that builds
    its optimiser anew is modulated again.

    Args:
        alpha (float): See :class:`OGMOptimWrapper`.
        kwargs: Its other options: ``form``, ``generalization_enhancement``,
            ``scope``, ``start_epoch``, ``end_epoch``, ``log_interval``.

    Raises:
        TypeError: When training starts, if the optim wrapper has a step of
            its own that cannot be replaced, or if it modulates already.

    Examples:
        >>> custom_hooks = [
        >>>     dict(type='mmbalance_plugin.OGMHook', alpha=0.8)]
    """

    def __init__(self, alpha: float, **kwargs) -> None:
        self.modulator = GradientModulator(alpha, **kwargs)
        self._attached = None

    def before_stage(self, runner, stage=None) -> None:
        """A stage has built its optimiser anew."""
        self._attach(runner)

    def before_train_epoch(self, runner) -> None:
        """For loops without stages."""
        self._attach(runner)

    def _attach(self, runner) -> None:
        if runner.optim_wrapper is self._attached:
            return
        attach_modulation(runner.optim_wrapper, self.modulator)
        self.modulator.bind(runner.model)
        self._attached = runner.optim_wrapper
