from .atomic_checkpoint_hook import AtomicCheckpointHook
from .ogm_hook import OGMHook
from .stage_hooks import StageStateHook, StageSyncBuffersHook
from .summary_hook import SummaryHook

__all__ = [
    'AtomicCheckpointHook', 'OGMHook', 'StageStateHook',
    'StageSyncBuffersHook', 'SummaryHook'
]
