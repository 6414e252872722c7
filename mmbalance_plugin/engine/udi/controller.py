"""How much each interaction term weighs in the coming epoch."""
from contextlib import contextmanager
from typing import Dict, Iterator

import torch
from torch import nn

from ...functional import gradient_alignments, weights_from_alignments
from ...models.objectives import BatchRecord
from ...models.recognizers.labels import stack_labels
from ...utils.streams import random_states_kept
from ..steps.per_loss import average_gradients, per_loss_gradients

_TERMS = ('con', 'com')
_PARAMETERS = ('encoder', 'all')
_FALLBACKS = ('previous', 'zero')


class AlphaController:
    """Weights by gradient alignment, UDI (arXiv 2509.02281), phase 2.

    s_k = max(0, <g_cls, g_k>), alpha_k = s_k / sum_k s_k for k in {con,
    com}, once per epoch on the epoch's first mini-batch. The pass leaves no
    trace: BatchNorm statistics, random states and Q_phi stay as they were.
    Under DDP the gradients are averaged over ranks before the products, so
    all ranks get the weights of the global batch. It runs in float32, also
    under AMP.

    What the paper leaves open is an option; defaults are this project's
    choice.

    Args:
        dynamic (bool): False keeps the start weights: the ablation.
            Defaults to True.
        start (dict[str, float]): Weights before the first update. Defaults
            to 0.5 each.
        similarity (str): 'inner' product or 'cosine'. Defaults to 'inner'.
        parameters (str): Gradients with respect to the follower's 'encoder',
            which both terms share, or to 'all' its parameters. Defaults to
            'encoder'.
        fallback (str): Where no alignment is positive, the 'previous'
            weights or 'zero'. Defaults to 'previous'.
        begin (int): First epoch of the stage with an update; before it
            Q_phi has seen no data. Defaults to 1, the second epoch.
    """

    def __init__(self,
                 dynamic: bool = True,
                 start: Dict[str, float] = None,
                 similarity: str = 'inner',
                 parameters: str = 'encoder',
                 fallback: str = 'previous',
                 begin: int = 1) -> None:
        for key, value, allowed in (('parameters', parameters, _PARAMETERS),
                                    ('fallback', fallback, _FALLBACKS),
                                    ('similarity', similarity,
                                     ('inner', 'cosine'))):
            if value not in allowed:
                raise ValueError(f'controller.{key} must be one of {allowed},'
                                 f' got {value!r}')
        unknown = sorted(set(start or ()) - set(_TERMS))
        if unknown:
            raise ValueError(f'controller.start names {unknown}, but the '
                             f'terms are {_TERMS}')
        self.dynamic = dynamic
        self.start = dict(con=.5, com=.5) if start is None else dict(start)
        self.similarity = similarity
        self.parameters = parameters
        self.fallback = fallback
        self.begin = begin

    def check(self, model: nn.Module, follower: str) -> None:
        """Refuse a follower without gradients to compare.

        Raises:
            ValueError: All weights of its encoder were built frozen.
        """
        if self.dynamic and self.parameters == 'encoder' and not any(
                p.requires_grad for p in model.encoders[follower].parameters()
        ):
            raise ValueError(
                f'the encoder of {follower!r} is frozen, so the weights of '
                "the terms cannot follow its gradients: set controller="
                "dict(parameters='all') or dict(dynamic=False)" )

    def due(self, epoch: int) -> bool:
        """Whether the weights change at the start of a stage's epoch."""
        return self.dynamic and epoch >= self.begin

    def update(self, model: nn.Module, guidance,
               data_batch: dict) -> Dict[str, float]:
        """Set the guidance's weights from one mini-batch.

        Args:
            model (MultimodalRecognizer): The bare model, in the follower's
                stage and in train mode.
            guidance (AnchorGuidance): Its ``alphas`` are replaced.
            data_batch (dict): As the data loader gives it.

        Returns:
            dict[str, float]: The alignment <g_cls, g_k> (or cosine) per
            term, for the log.
        """
        g_task, g_aux = self.gradients(model, guidance, data_batch)
        aligned = gradient_alignments(g_task, g_aux, self.similarity)
        weights = weights_from_alignments(aligned)
        values = torch.stack([*aligned.values(), *weights.values()]).tolist()
        names = list(g_aux)
        alphas = dict(zip(names, values[len(names):]))
        if any(alpha > 0 for alpha in alphas.values()):
            guidance.alphas = alphas
        elif self.fallback == 'zero':
            guidance.alphas = {name: 0. for name in names}
        return dict(zip(names, values))

    def gradients(self, model: nn.Module, guidance,
                  data_batch: dict):
        """Gradients of the task loss and of each term, averaged over ranks.

        Returns:
            tuple: Tensors of the task loss, and a dict of those per term.
        """
        follower = guidance.follower
        part = model.modality_modules(follower)
        if self.parameters == 'encoder':
            part = model.encoders[follower]
        parameters = [p for p in part.parameters() if p.requires_grad]
        data = model.data_preprocessor(data_batch, True)
        present = data.get('present')
        with _no_trace(model), torch.enable_grad():
            features = model.extract_feat(data['inputs'], (follower, ),
                                          present)
            targets = stack_labels(data['data_samples'],
                                   model.head.num_classes,
                                   features[follower].device)
            record = BatchRecord(model, data['inputs'], data['data_samples'],
                                 targets, features, present)
            losses = dict(
                task=record.mean(model.head.criterion, (follower, ),
                                 record.unimodal[follower], targets),
                **guidance.terms(record, update_estimator=False))
            # A term without gradient (CLUB while its estimate is not
            # positive) counts as zero.
            gradients = per_loss_gradients(losses, parameters)
        gradients = average_gradients(gradients)
        return gradients.pop('task'), gradients


@contextmanager
def _no_trace(model: nn.Module) -> Iterator[None]:
    """Put buffers (BatchNorm statistics) and random states back."""
    buffers = [(b, b.clone()) for b in model.buffers()]
    try:
        with random_states_kept():
            yield
    finally:
        with torch.no_grad():
            for buffer, saved in buffers:
                buffer.copy_(saved)
