from .atomic_checkpoint_hook import AtomicCheckpointHook
from .relearning_hook import RelearningHook
from .stage_hooks import StageStateHook, StageSyncBuffersHook
from .summary_hook import SummaryHook

__all__ = [
    'AtomicCheckpointHook', 'RelearningHook', 'StageStateHook',
    'StageSyncBuffersHook', 'SummaryHook'
]
