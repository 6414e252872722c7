from .combined_gradient_step import CombinedGradientStep
from .distributed import MultimodalDistributedDataParallel
from .mla import MLA
from .mmpareto import MMPareto
from .per_loss import average_gradients, per_loss_gradients
from .train_step import TrainStep

__all__ = [
    'CombinedGradientStep', 'MLA', 'MMPareto',
    'MultimodalDistributedDataParallel', 'TrainStep', 'average_gradients',
    'per_loss_gradients'
]
