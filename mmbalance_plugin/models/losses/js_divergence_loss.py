from torch import Tensor, nn

from mmbalance_plugin.functional import js_divergence, two_class_rows
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.choices import require_choice


@MODELS.register_module()
class JSDivergenceLoss(nn.Module):
    """Jensen-Shannon divergence of two sets of predictions.

    The consistency term of UDI (arXiv 2509.02281): see
    :func:`mmbalance_plugin.functional.js_divergence`.

    Args:
        loss_weight (float): Factor on the loss. Defaults to 1.0.
        reduction (str): Over the samples: 'mean', 'sum' or 'none'. Defaults
            to 'mean'.
        multi_class (bool): Whether the C logits are log-odds of labels that
            do not exclude each other. The divergence of a sample is then the
            mean over labels of that of two classes, there or not; as the
            binary cross-entropy beside it is a mean over labels. Defaults to
            False. :class:`AnchorGuidance` fills it in.

    Note:
        It is computed in float32 or better under AMP, too. With 'mean',
        DDP's average of equal local batches and the average over
        accumulated micro-batches are those of the whole batch. There is no
        state to resume.

    Examples:
        >>> loss = JSDivergenceLoss(loss_weight=0.5)
        >>> logits = torch.randn(8, 10, requires_grad=True)
        >>> loss(torch.randn(8, 10), logits).backward()
    """

    label_kinds = ('multi', 'soft')

    def __init__(self,
                 loss_weight: float = 1.0,
                 reduction: str = 'mean',
                 multi_class: bool = False) -> None:
        super().__init__()
        require_choice('reduction', reduction, ('mean', 'sum', 'none'))
        self.loss_weight = loss_weight
        self.reduction = reduction
        self.multi_class = multi_class

    def forward(self, logits_p: Tensor, logits_q: Tensor) -> Tensor:
        """Weighted divergence of two logits of shape (B, C), in nats.

        The gradient flows into both; detach the one that is a reference.
        """
        if not self.multi_class:
            return self.loss_weight * js_divergence(logits_p, logits_q,
                                                    self.reduction)
        found = js_divergence(
            two_class_rows(logits_p), two_class_rows(logits_q), 'none')
        found = found.view(logits_p.shape).mean(dim=1)
        if self.reduction != 'none':
            found = getattr(found, self.reduction)()
        return self.loss_weight * found
