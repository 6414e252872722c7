"""How much each interaction term weighs in the coming epoch."""
from typing import Dict, Optional, Tuple

import torch
from torch import Tensor

from ...functional import gradient_alignments, weights_from_alignments
from ...models.modes import values_kept
from ...models.objectives import BatchRecord
from ...models.recognizers import MultimodalRecognizer
from ...utils.choices import require_choice
from ...utils.streams import random_states_kept
from ..steps.per_loss import average_gradients, per_loss_gradients

_TERMS = ('con', 'com')
_CHOICES = dict(
    task=('own', 'fused'),
    every=('epoch', 'batch'),
    parameters=('encoder', 'all'),
    fallback=('previous', 'zero'),
    similarity=('inner', 'cosine'))


class AlphaController:
    """Weights by gradient alignment, UDI (arXiv 2509.02281), phase 2.

    s_k = max(0, <g_cls, g_k>), alpha_k = s_k / sum_k s_k for k in {con,
    com}. Under DDP the gradients are averaged over ranks before the
    products, so all ranks get the weights of the global batch.

    Defaults are this project's choice; "(paper)" marks the paper's.

    Args:
        task (str): g_cls is the gradient of the follower's 'own'
            classification loss, or of the 'fused' prediction of the
            teachers and the follower (paper). Defaults to 'own'.
        every (str): 'epoch' weighs on the first mini-batch of each epoch, in
            a pass of its own that leaves no trace: BatchNorm statistics,
            random states and Q_phi stay as they were; it runs in float32,
            also under AMP. 'batch' weighs in each mini-batch, on the graph
            that is there anyway; nothing is copied to the host. The paper's
            text says the first, its Algorithm 1 the second. Defaults to
            'epoch'.
        dynamic (bool): False keeps the start weights: the ablation.
            Defaults to True.
        start (dict[str, float]): Weights before the first update. Defaults
            to 0.5 each.
        similarity (str): 'inner' product or 'cosine'. Defaults to 'inner'.
        parameters (str): Gradients with respect to the follower's 'encoder',
            which both terms share, or to 'all' its parameters (paper).
            Defaults to 'encoder'.
        fallback (str): Where no alignment is positive, the 'previous'
            weights or 'zero' (paper). Defaults to 'previous'.
        begin (int): First epoch of the stage with an update; before it
            Q_phi has seen no data. Defaults to 1, the second epoch; the
            paper's is 0.

    Raises:
        ValueError: An option is none of the above.
    """

    def __init__(self,
                 dynamic: bool = True,
                 start: Optional[Dict[str, float]] = None,
                 similarity: str = 'inner',
                 parameters: str = 'encoder',
                 fallback: str = 'previous',
                 begin: int = 1,
                 task: str = 'own',
                 every: str = 'epoch') -> None:
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
        self.task = task
        self.every = every
        for key, choices in _CHOICES.items():
            require_choice(f'controller.{key}', getattr(self, key), choices)

    def check(self, model: MultimodalRecognizer, follower: str) -> None:
        """Refuse a follower without gradients to compare.

        Raises:
            ValueError: All weights of its encoder were built frozen, or the
                head cannot fuse some modalities.
        """
        if self.dynamic and self.task == 'fused' and not hasattr(
                model.head, 'fuse'):
            raise ValueError(
                f"controller.task='fused' needs a head that combines what "
                f'branches say, but {type(model.head).__name__} does not: '
                'use DecisionHead')
        if self.dynamic and self.parameters == 'encoder' and not any(
                p.requires_grad for p in model.encoders[follower].parameters()
        ):
            raise ValueError(
                f'the encoder of {follower!r} is frozen, so the weights of '
                "the terms cannot follow its gradients: set controller="
                "dict(parameters='all') or dict(dynamic=False)" )

    def due(self, epoch: int) -> bool:
        """Whether the weights change in a stage's epoch."""
        return self.dynamic and epoch >= self.begin

    def update(self, model: MultimodalRecognizer, guidance,
               data_batch: dict) -> Dict[str, float]:
        """Set the guidance's weights from one mini-batch, without a trace.

        Args:
            model (MultimodalRecognizer): The bare model, in the follower's
                stage and in train mode.
            guidance (AnchorGuidance): Its ``alphas`` are replaced.
            data_batch (dict): As the data loader gives it.

        Returns:
            dict[str, float]: The alignment <g_cls, g_k> (or cosine) per
            term, for the log.
        """
        data = model.data_preprocessor(data_batch, True)
        # BatchNorm's statistics and random states are put back.
        with values_kept(model.buffers()), random_states_kept(), \
                torch.enable_grad():
            record = model.batch_record(
                **data, modalities=(guidance.follower, ))
            terms = guidance.terms(record, update_estimator=False)
            aligned, weights = self.weigh(record, guidance, terms)
        names = list(terms)
        values = torch.stack([*aligned.values(), *weights.values()]).tolist()
        alphas = dict(zip(names, values[len(names):]))
        if any(alpha > 0 for alpha in alphas.values()) or \
                self.fallback == 'zero':
            guidance.alphas = alphas
        return dict(zip(names, values))

    def update_on(self, record: BatchRecord, guidance,
                  terms: Dict[str, Tensor]) -> Dict[str, Tensor]:
        """Set the guidance's weights from the batch that is trained on.

        Args:
            record (BatchRecord): The batch.
            guidance (AnchorGuidance): Its ``alphas`` are replaced, by
                scalars on the device.
            terms (dict[str, Tensor]): Its unweighted terms of the batch.

        Returns:
            dict[str, Tensor]: The alignments, on the device.
        """
        aligned, weights = self.weigh(record, guidance, terms, retain=True)
        if self.fallback == 'previous':
            found = torch.stack(list(weights.values())).sum() > 0
            weights = {
                name: torch.where(found, weight, guidance.alphas[name])
                for name, weight in weights.items()
            }
        guidance.alphas = weights
        return aligned

    def weigh(self,
              record: BatchRecord,
              guidance,
              terms: Dict[str, Tensor],
              retain: bool = False) -> Tuple[Dict, Dict]:
        """Alignments of the terms with the task, and weights from them.

        Args:
            record (BatchRecord): The batch.
            guidance (AnchorGuidance): For the follower and its teachers.
            terms (dict[str, Tensor]): Unweighted terms of the batch.
            retain (bool): Whether the graph is needed afterwards. Defaults
                to False.

        Returns:
            tuple[dict, dict]: Scalars on the device, by the terms' names.
        """
        model, follower = record.model, guidance.follower
        part = model.modality_modules(follower) \
            if self.parameters == 'all' else model.encoders[follower]
        parameters = [p for p in part.parameters() if p.requires_grad]
        names, logits = (follower, ), record.unimodal[follower]
        if self.task == 'fused':
            names, logits = guidance.members, guidance.fused(record)
        task = record.mean(model.head.criterion, names, logits,
                           record.targets)
        # A term without gradient (CLUB while its estimate is not positive)
        # counts as zero.
        gradients = average_gradients(
            per_loss_gradients(
                dict(task=task, **terms), parameters, retain_graph=retain))
        aligned = gradient_alignments(
            gradients.pop('task'), gradients, self.similarity)
        return aligned, weights_from_alignments(aligned)


