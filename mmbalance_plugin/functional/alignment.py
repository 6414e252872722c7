from typing import Dict, List, Mapping, Optional, Sequence, Union

import torch
from torch import Tensor

from mmbalance_plugin.utils.choices import require_choice

from ._tensors import at_least_float32

Gradient = Union[Tensor, Sequence[Optional[Tensor]]]


def gradient_alignments(g_task: Gradient,
                        g_aux: Mapping[str, Gradient],
                        similarity: str = 'inner') -> Dict[str, Tensor]:
    r"""How well each auxiliary gradient points along the task's.

    ``'inner'`` is :math:`\langle g_{task}, g_k \rangle`, ``'cosine'`` the
    same over the product of the norms. Gradients of a network are given as
    one tensor per parameter and are treated as one long vector.

    Args:
        g_task (Tensor | Sequence[Tensor | None]): Gradient of the task loss,
            one tensor or one per parameter.
        g_aux (Dict[str, Tensor | Sequence[Tensor | None]]): Name to gradient
            of an auxiliary loss, with respect to the same parameters in the
            same order.
        similarity (str): 'inner' or 'cosine'. Defaults to 'inner'.

    Returns:
        Dict[str, Tensor]: Name to signed alignment, 0-d, on the device of
        the gradients. A zero gradient has alignment 0 in either form.

    Raises:
        ValueError: Unknown ``similarity``; a gradient whose number of
            tensors or whose shapes differ from the task's; a task gradient
            of which every entry is None.

    Note:
        ``None``, which ``torch.autograd.grad(..., allow_unused=True)`` gives
        for a parameter that a loss does not reach, stands for zero. Under
        DDP average the gradients over the ranks *before* calling this: the
        mean of local products is not the product of the mean gradients.
    """
    require_choice('similarity', similarity, ('inner', 'cosine'))
    task = _as_list(g_task)
    zero = next((g.new_zeros(()) for g in task if g is not None), None)
    if zero is None:
        raise ValueError('the task gradient reaches none of the parameters: '
                         'every entry of g_task is None')
    result = {}
    for name, gradient in g_aux.items():
        aux = _as_list(gradient)
        _check_match(name, task, aux)
        value = torch.stack([zero] + [
            (a * b).sum() for a, b in zip(task, aux)
            if a is not None and b is not None]).sum()
        if similarity == 'cosine':
            # One norm after the other: their product may underflow.
            for norm in (_norm(task, zero), _norm(aux, zero)):
                value = (value / norm).where(norm != 0, 0.)
        result[name] = value
    return result


def alignment_weights(g_task: Gradient,
                      g_aux: Mapping[str, Gradient],
                      similarity: str = 'inner') -> Dict[str, Tensor]:
    r"""Weights of auxiliary losses by how much they help the task.

    UDI's controller (arXiv 2509.02281):

    .. math::
        s_k = \max(0, \langle g_{task}, g_k \rangle), \qquad
        \alpha_k = s_k / \sum_j s_j

    Args:
        g_task, g_aux: See :func:`gradient_alignments`.
        similarity (str): 'inner' (the paper) or 'cosine', which ignores how
            large an auxiliary gradient is. Defaults to 'inner'.

    Returns:
        Dict[str, Tensor]: Name to weight, 0-d. The weights sum to one; they
        are all exactly zero where no alignment is positive, and the caller
        applies its fallback. A NaN gradient gives NaN weights.

    Examples:
        >>> import torch
        >>> task = torch.tensor([1., 0.])
        >>> alignment_weights(task, {'con': torch.tensor([1., 2.]),
        ...                          'com': torch.tensor([3., 0.])})
        {'con': tensor(0.2500), 'com': tensor(0.7500)}
    """
    alignments = gradient_alignments(g_task, g_aux, similarity)
    return weights_from_alignments(alignments)


def weights_from_alignments(
        alignments: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Turn signed alignments into weights; see :func:`alignment_weights`.

    Args:
        alignments (Dict[str, Tensor]): Name to signed alignment, 0-d, from
            :func:`gradient_alignments`.

    Returns:
        Dict[str, Tensor]: Name to weight: one in sum, or all zero.
    """
    if not alignments:
        return {}
    positive = torch.stack(list(alignments.values())).clamp(min=0)
    # By the largest first: the sum of two huge products may overflow, and
    # the quotient of two tiny ones lose its digits.
    largest = positive.max()
    scaled = positive / largest
    weights = (scaled / scaled.sum()).where(largest != 0, 0.)
    return dict(zip(alignments, weights.unbind()))


def _as_list(gradient: Gradient) -> List[Optional[Tensor]]:
    tensors = [gradient] if isinstance(gradient, Tensor) else list(gradient)
    return [g if g is None else at_least_float32(g) for g in tensors]


def _check_match(name: str, task: List[Optional[Tensor]],
                 aux: List[Optional[Tensor]]) -> None:
    if len(task) != len(aux):
        raise ValueError(
            f'the gradient {name!r} has {len(aux)} tensors but the task '
            f'gradient {len(task)}: take both with respect to the same '
            'parameters, with allow_unused=True')
    for index, (a, b) in enumerate(zip(task, aux)):
        if a is not None and b is not None and a.shape != b.shape:
            raise ValueError(
                f'tensor {index} of the gradient {name!r} has shape '
                f'{tuple(b.shape)}, that of the task {tuple(a.shape)}')


def _norm(gradient: List[Optional[Tensor]], zero: Tensor) -> Tensor:
    return torch.linalg.vector_norm(torch.stack([zero] + [
        torch.linalg.vector_norm(g) for g in gradient if g is not None]))
