"""Encoders that should train and get no gradient."""
from torch.optim import Optimizer

from ...models.recognizers import MultimodalRecognizer
from ...utils.eager import eager

# Updates to wait: a training step may take the encoders in turns.
_UPDATES = 10


def watch_encoders(model: MultimodalRecognizer, optimizer: Optimizer,
                   logger) -> None:
    """Warn once if an encoder that trains gets no gradient at all.

    Its weights would stay as they are, and nothing else would tell. Looks at
    the first updates, whether there is a gradient and not at its values: the
    device is not waited for.
    """
    idle = {}
    for name, encoder in model.encoders.items():
        weights = [p for p in encoder.parameters() if p.requires_grad]
        if weights:
            idle[name] = weights
    updates = 0

    @eager
    def look(*_) -> None:
        nonlocal updates
        if not idle:
            return
        updates += 1
        for name, weights in list(idle.items()):
            if any(weight.grad is not None for weight in weights):
                del idle[name]
        if idle and updates == _UPDATES:
            logger.warning(
                f'{", ".join(idle)}: the encoder is to train, but '
                f'{updates} updates brought it no gradient. Is it cut off, '
                'by a detach() or by activation checkpointing of the whole '
                'encoder (checkpoint its layers instead)?')
            idle.clear()

    optimizer.register_step_pre_hook(look)
