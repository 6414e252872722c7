from .atomic_checkpoint_hook import AtomicCheckpointHook
from .stage_hooks import StageStateHook, StageSyncBuffersHook
from .summary_hook import SummaryHook

__all__ = [
    'AtomicCheckpointHook', 'StageStateHook',
    'StageSyncBuffersHook', 'SummaryHook'
]
