import torch
from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS


@MODELS.register_module()
class LabelSmoothingLoss(nn.Module):
    r"""Cross-entropy against equal probabilities, in the place of consistency.

    A control for UDI: a follower that trains with a weight of
    :math:`\alpha` on it has :math:`1 + \alpha` times the loss of label
    smoothing by :math:`\alpha / (1 + \alpha)`, and learns nothing of the
    anchor. What it gains is calibration, not knowledge.

    Note:
        It is computed in float32 or better under AMP, too, and is a mean over
        the samples. There is no state.
    """

    def forward(self, anchor_logits: Tensor, logits: Tensor) -> Tensor:
        """0-d, in nats, of logits (B, C); the anchor's are not read."""
        if logits.dtype != torch.float64:
            logits = logits.float()
        return -logits.log_softmax(dim=1).mean()
