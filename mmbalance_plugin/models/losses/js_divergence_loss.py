from torch import Tensor, nn

from mmbalance_plugin.functional import js_divergence
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

    def __init__(self,
                 loss_weight: float = 1.0,
                 reduction: str = 'mean') -> None:
        super().__init__()
        require_choice('reduction', reduction, ('mean', 'sum', 'none'))
        self.loss_weight = loss_weight
        self.reduction = reduction

    def forward(self, logits_p: Tensor, logits_q: Tensor) -> Tensor:
        """Weighted divergence of two logits of shape (B, C), in nats.

        The gradient flows into both; detach the one that is a reference.
        """
        return self.loss_weight * js_divergence(logits_p, logits_q,
                                                self.reduction)
