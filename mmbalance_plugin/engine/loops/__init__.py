from .stage import EarlyStopping, Stage
from .stage_progress import StageProgress
from .staged_train_loop import StagedTrainLoop
from .udi_train_loop import UDITrainLoop

__all__ = [
    'EarlyStopping', 'Stage', 'StageProgress', 'StagedTrainLoop',
    'UDITrainLoop'
]
