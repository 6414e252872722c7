from .atomic_checkpoint_hook import AtomicCheckpointHook
from .label_check_hook import LabelCheckHook
from .relearning_hook import RelearningHook
from .summary_hook import SummaryHook

__all__ = [
    'AtomicCheckpointHook', 'LabelCheckHook', 'RelearningHook', 'SummaryHook'
]
