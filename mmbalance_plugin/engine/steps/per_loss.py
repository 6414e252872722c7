"""Gradients of several losses apart, for whoever compares or combines them.
"""
from typing import Dict, List, Sequence

import torch
from mmengine import dist
from mmengine.optim import OptimWrapper
from torch import Tensor


def scale_loss(loss: Tensor, optim_wrapper: OptimWrapper) -> Tensor:
    """Scale a loss by the micro-batches of an update, and by AMP's scale.
    """
    loss = optim_wrapper.scale_loss(loss)
    scaler = getattr(optim_wrapper, 'loss_scaler', None)
    return loss if scaler is None else scaler.scale(loss)


def per_loss_gradients(losses: Dict[str, Tensor],
                       parameters: Sequence[Tensor],
                       retain_graph: bool = False) -> Dict[str, List[Tensor]]:
    """The gradient of each loss with respect to the same parameters.

    ``.grad`` is neither read nor written, and DDP's reducer sees nothing:
    run the forward under ``no_sync`` and average with
    :func:`average_gradients`. A loss that does not reach a parameter has a
    gradient of zeros there, so that all ranks average the same.

    Args:
        losses (dict[str, Tensor]): Scalars, in one graph or several. Under
            mixed precision all carry the same loss scale, and so do the
            gradients.
        parameters (Sequence[Tensor]): Leaves that require a gradient.
        retain_graph (bool): Whether the graph outlives the call. Defaults
            to False.

    Returns:
        dict[str, list[Tensor]]: One gradient per parameter and loss.
    """
    gradients = {}
    names = list(losses)
    for name, loss in losses.items():
        grads: Sequence = [None] * len(parameters)
        if loss.requires_grad:
            grads = torch.autograd.grad(
                loss,
                parameters,
                retain_graph=retain_graph or name != names[-1],
                allow_unused=True)
        gradients[name] = [
            torch.zeros_like(p) if g is None else g
            for p, g in zip(parameters, grads)
        ]
    return gradients


def average_gradients(
        gradients: Dict[str, List[Tensor]]) -> Dict[str, List[Tensor]]:
    """Average over ranks, in one collective per dtype.

    A decision that compares gradients of the local batch differs between
    ranks and lets the replicas drift apart: average first.

    The same names in the same order on all ranks; new tensors, bit-identical
    on all ranks, but the given ones in a single process.
    """
    if dist.get_world_size() == 1:
        return gradients
    # Gradients may be expanded views, which nothing can be written into.
    averaged = {
        name: [
            g.detach().clone(memory_format=torch.contiguous_format)
            for g in grads
        ]
        for name, grads in gradients.items()
    }
    dist.all_reduce_params(
        [g for grads in averaged.values() for g in grads], op='mean')
    return averaged
