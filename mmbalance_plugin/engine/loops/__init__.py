from .g_blend_train_loop import GBlendTrainLoop
from .reconboost_train_loop import ReconBoostTrainLoop
from .stage import EarlyStopping, Stage
from .stage_progress import StageProgress
from .staged_train_loop import StagedTrainLoop
from .udi_train_loop import UDITrainLoop

__all__ = [
    'EarlyStopping', 'GBlendTrainLoop', 'ReconBoostTrainLoop', 'Stage',
    'StageProgress', 'StagedTrainLoop', 'UDITrainLoop'
]
