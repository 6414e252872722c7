"""Which modality is ahead, by three ways of asking a fused head."""
from typing import Dict, List

import torch
from mmengine.hooks import Hook
from torch import Tensor, nn

WAYS = ('split', 'zero_out', 'exchanged')


@torch.no_grad()
def batch_scores(head: nn.Module, features: Dict[str, Tensor],
                 targets: Tensor) -> Dict[str, Dict[str, float]]:
    """Mean true-class probability of each modality, in every way there is.

    'split' and 'zero_out' are those of the head, 'split' only where it is
    linear. 'exchanged' needs neither: the other modalities' features are
    those of other samples of the batch (the batch rolled by 1, 2, ... up to
    seven places), so that the head sees nothing it was not trained on; the
    probabilities are averaged. Too slow for training, it is what the other
    two are held against.

    Args:
        head (MultimodalHead): In eval mode.
        features (dict[str, Tensor]): Features (B, D_m).
        targets (Tensor): True classes (B, ).

    Returns:
        dict[str, dict[str, float]]: Way to modality to score.
    """

    def score(logits: Tensor) -> float:
        chosen = logits.float().softmax(1).gather(1, targets[:, None])
        return float(chosen.mean())

    def exchanged(own: str) -> float:
        rolls = range(1, min(8, len(targets)))
        return sum(
            score(head({m: value if m == own else value.roll(by, 0)
                        for m, value in features.items()}))
            for by in rolls) / len(rolls)

    found = {}
    if head.linear:
        found['split'] = {
            m: score(value)
            for m, value in head.unimodal_logits(features).items()
        }
    found['zero_out'] = {
        m: score(value) for m, value in head.zero_out_logits(features).items()
    }
    found['exchanged'] = {m: exchanged(m) for m in features}
    return found


class DominanceProbe(Hook):
    """After every epoch, the scores of each validation batch.

    Attributes:
        found (list[list[dict]]): By epoch and batch, see
            :func:`batch_scores`.
    """

    def __init__(self) -> None:
        self.found: List[list] = []

    @torch.no_grad()
    def after_train_epoch(self, runner) -> None:
        """Score the validation data; the model is left in its mode."""
        model = getattr(runner.model, 'module', runner.model)
        mode = model.training
        model.eval()
        batches = []
        for batch in runner.val_loop.dataloader:
            batch = model.data_preprocessor(batch, False)
            features = model.extract_feat(batch['inputs'])
            targets = torch.cat([s.gt_label for s in batch['data_samples']])
            device = next(iter(features.values())).device
            batches.append(
                batch_scores(model.head, features, targets.to(device)))
        model.train(mode)
        self.found.append(batches)


def leader(scores: Dict[str, float]) -> str:
    """The modality with the highest score."""
    return max(scores, key=scores.get)


def epoch_summary(batches: List[dict]) -> dict:
    """One epoch's batches of any number of seeds, summed up.

    Args:
        batches (list[dict]): From :func:`batch_scores`.

    Returns:
        dict: 'leader' {way: modality named by the mean scores}, 'lead'
        {way: its mean score over the best of the others}, and 'agree'
        {(way, way): share of batches that name the same}.
    """
    ways = [way for way in WAYS if way in batches[0]]
    means = {
        way: {
            m: sum(b[way][m] for b in batches) / len(batches)
            for m in batches[0][way]
        }
        for way in ways
    }
    lead = {}
    for way, scores in means.items():
        top = leader(scores)
        lead[way] = scores[top] / max(
            value for m, value in scores.items() if m != top)
    agree = {(a, b): sum(leader(x[a]) == leader(x[b])
                         for x in batches) / len(batches)
             for i, a in enumerate(ways) for b in ways[i + 1:]}
    return dict(
        leader={way: leader(scores) for way, scores in means.items()},
        lead=lead,
        agree=agree)
