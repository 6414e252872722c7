"""Which modality becomes the anchor."""
from typing import Dict, NamedTuple, Optional

import torch

from ...evaluation.functional import mean_average_precision
from ...functional import predictive_entropy, two_class_rows


class AnchorChoice(NamedTuple):
    """The chosen anchor and what the choice rests on.

    Attributes:
        anchor (str): The modality.
        accuracy (dict[str, float]): Validation accuracy in [0, 1]; of
            several labels the mean average precision.
        entropy (dict[str, float]): Mean predictive entropy in nats; of
            several labels the mean over them, too.
        reason (str): One sentence for the log.
    """
    anchor: str
    accuracy: Dict[str, float]
    entropy: Dict[str, float]
    reason: str


def choose_anchor(logits: Dict[str, torch.Tensor],
                  targets: torch.Tensor,
                  tolerance: float = 0.005,
                  present: Optional[Dict[str, torch.Tensor]] = None
                  ) -> AnchorChoice:
    """Take the most accurate modality; between similar ones, the surest.

    UDI (arXiv 2509.02281), phase 1: the anchor is the modality of highest
    validation accuracy; among those within ``tolerance`` of it, the one of
    lowest predictive entropy H = -sum_c p_c log p_c, averaged over the
    validation samples. The paper does not say how close "similar" is: the
    tolerance is this project's choice.

    Args:
        logits (dict[str, Tensor]): Unimodal logits (N, C) per modality.
        targets (Tensor): Class indices, shape (N,), or labels (N, C).
        tolerance (float): Accuracies this close to the best count as
            similar, as a fraction of 1. Defaults to 0.005.
        present (dict[str, Tensor], optional): For each modality that some
            sample lacks, where it is there: bool, (N,). A modality is judged
            by the samples that have it; one that none has cannot be the
            anchor. Defaults to None: every sample has everything.

    Returns:
        AnchorChoice: The anchor with all accuracies and entropies.
    """
    accuracy, entropy = {}, {}
    for m, z in logits.items():
        there = (present or {}).get(m, slice(None))
        if len(targets[there]):
            own, labels = z[there].float(), targets[there]
            if labels.ndim > 1:
                accuracy[m] = mean_average_precision(
                    own.cpu().numpy(), labels.cpu().numpy())
                own = two_class_rows(own)
            else:
                hits = own.argmax(1) == labels
                accuracy[m] = float(hits.float().mean())
            entropy[m] = float(predictive_entropy(own).mean())
    best = max(accuracy.values())
    similar = [m for m, acc in accuracy.items() if best - acc <= tolerance]
    anchor = min(similar, key=lambda m: entropy[m])
    table = ', '.join(f'{m} {100 * accuracy[m]:.2f} % (entropy '
                      f'{entropy[m]:.4f} nats)' for m in accuracy)
    measure = 'accuracy' if targets.ndim == 1 else 'mAP'
    why = f'highest validation {measure}'
    if len(similar) > 1:
        why = (f'lowest entropy among {", ".join(similar)}, whose {measure} '
               f'is within {100 * tolerance:g} points of the best')
    return AnchorChoice(anchor, accuracy, entropy,
                        f'anchor {anchor}: {why}; {table}')
