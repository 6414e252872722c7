"""What a trained joint model knows, part by part, sample by sample."""
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.utils.data import DataLoader

from mmbalance_plugin.apis.coalitions import coalition_log_probabilities
from mmbalance_plugin.engine.features import feature_bank
from mmbalance_plugin.engine.steps.per_loss import per_loss_gradients
from mmbalance_plugin.functional.shapley import coalitions
from mmbalance_plugin.models.modes import evaluating
from mmbalance_plugin.models.recognizers.labels import stack_labels
from mmbalance_plugin.utils.streams import stream

#: Standard deviations of the noise, in those of the batch's input.
NOISE_LEVELS = (.5, 1., 2.)


def probe_correct(train, held_out) -> Dict[str, np.ndarray]:
    """Test a new linear classifier on each encoder's features.

    Logistic regression on standardised features, fitted to the training
    split: what the encoder has learned, whatever the head makes of it.

    Args:
        train (FeatureBank): With features, of the training split.
        held_out (FeatureBank): The same of the split that is judged.

    Returns:
        dict[str, ndarray]: Whether each sample (N, ) is right, NaN where it
        lacks the modality.
    """
    right = {}
    for name in train.features:
        (x, y, _), (x_new, y_new, there) = (
            _of_those_that_have_it(bank, name) for bank in (train, held_out))
        probe = make_pipeline(StandardScaler(),
                              LogisticRegression(max_iter=1000))
        right[name] = np.full(len(there), np.nan)
        right[name][there] = probe.fit(x, y).predict(x_new) == y_new
    return right


def _of_those_that_have_it(
        bank, name: str) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features and classes, and which samples of the bank they are."""
    there = np.ones(len(bank.targets), bool)
    if name in bank.present:
        there = bank.present[name].cpu().numpy()
    return (bank.features[name].cpu().numpy()[there],
            bank.targets.cpu().numpy()[there], there)


def coalition_scores(
        model, bank) -> Dict[Tuple[str, ...], Dict[str, np.ndarray]]:
    """Judge the fused prediction of every subset of modalities.

    Args:
        model (MultimodalRecognizer): In eval mode.
        bank (FeatureBank): With features.

    Returns:
        dict[tuple[str], dict]: For each subset 'accuracy' and
        'log_likelihood' of each sample, (N, ) each.
    """
    head, targets = model.head, bank.targets
    device = next(model.parameters()).device
    features = {m: f.to(device) for m, f in bank.features.items()}
    scores = {}
    for chosen, values in coalition_log_probabilities(
            head, features, coalitions(model.modalities),
            {m: mask.to(device) for m, mask in bank.present.items()}).items():
        values, labels = values.cpu(), targets.cpu()
        scores[chosen] = dict(
            accuracy=(values.argmax(1) == labels).double().numpy(),
            log_likelihood=values.gather(
                1, labels[:, None])[:, 0].double().numpy())
    return scores


@torch.no_grad()
def noisy_correct(model, loader: DataLoader, bank,
                  levels: Sequence[float] = NOISE_LEVELS
                  ) -> Dict[str, Dict[float, np.ndarray]]:
    """Judge the fused prediction when one modality is noisy.

    Gaussian noise is added to the preprocessed input; a level counts
    standard deviations of the batch's input. Inputs that are no
    floating-point numbers get none.

    Args:
        model (MultimodalRecognizer): The model.
        loader (DataLoader): Of the split, in order.
        bank (FeatureBank): Its features without noise.
        levels (Sequence[float]): Defaults to :data:`NOISE_LEVELS`.

    Returns:
        dict[str, dict[float, ndarray]]: Whether each sample (N, ) is right,
        by modality and level.
    """
    right: Dict[str, Dict[float, List[Tensor]]] = {}
    draw, start = stream(0, 'diagnosis/noise'), 0
    with evaluating(model):
        for batch in loader:
            data = model.data_preprocessor(batch, False)
            present = data.get('present')
            labels = stack_labels(data['data_samples'],
                                  model.head.num_classes)
            stop = start + len(labels)
            clean = {m: f[start:stop].to(data['inputs'][m].device)
                     for m, f in bank.features.items()}
            for name, value in data['inputs'].items():
                if not value.is_floating_point():
                    continue
                noise = value.std() * torch.randn(
                    value.shape, generator=draw).to(value)
                for level in levels:
                    features = model.extract_feat(
                        {name: value + level * noise}, [name], present)
                    logits = model.head.fused_logits(
                        {**clean, **features}, present and present.masks)
                    right.setdefault(name, {}).setdefault(level, []).append(
                        logits.argmax(1).cpu() == labels.cpu())
            start = stop
    return {m: {level: torch.cat(parts).numpy()
                for level, parts in found.items()}
            for m, found in right.items()}


def gradient_cosines(model, loader: DataLoader,
                     batches: int) -> Dict[str, List[float]]:
    """Compare gradients of the losses on training batches.

    Args:
        model (MultimodalRecognizer): A jointly trained one.
        loader (DataLoader): Of the training split.
        batches (int): How many batches are looked at.

    Returns:
        dict[str, list[float]]: A cosine per batch: of '<m>: fused, own', in
        what trains of the encoder of m, if anything does, and of '<m>, <n>:
        shared', the modalities' own losses in the head, where they share
        parameters.
    """
    found: Dict[str, List[float]] = {}
    names = model.modalities
    shared = list(model.head.parameters())
    encoders = {m: [p for p in model.encoders[m].parameters()
                    if p.requires_grad] for m in names}
    with evaluating(model):
        for index, batch in enumerate(loader):
            if index == batches:
                break
            data = model.data_preprocessor(batch, False)
            record = model.batch_record(data['inputs'], data['data_samples'],
                                        data.get('present'), names)
            own = {m: record.mean(F.cross_entropy, [m], record.unimodal[m],
                                  record.targets) for m in names}
            fused = F.cross_entropy(record.fused, record.targets)
            for m in filter(encoders.get, names):
                grads = _flat(per_loss_gradients(
                    dict(fused=fused, own=own[m]), encoders[m], True))
                _note(found, f'{m}: fused, own', grads['fused'], grads['own'])
            grads = _flat(per_loss_gradients(own, shared))
            for i, m in enumerate(names):
                for n in names[i + 1:]:
                    _note(found, f'{m}, {n}: shared', grads[m], grads[n])
    return found


def _flat(gradients: Dict[str, List[Tensor]]) -> Dict[str, Tensor]:
    return {name: torch.cat([g.flatten() for g in grads])
            for name, grads in gradients.items()}


def _note(found: Dict[str, List[float]], name: str, one: Tensor,
          other: Tensor) -> None:
    """Keep a cosine, where both gradients reach some parameter together."""
    if ((one != 0) & (other != 0)).any():
        found.setdefault(name, []).append(
            F.cosine_similarity(one, other, dim=0).item())


def banks(model, train: DataLoader, held_out: DataLoader) -> Tuple[Any, Any]:
    """Run the model over both splits once, see :func:`feature_bank`."""
    return (feature_bank(model, train, features=True),
            feature_bank(model, held_out, features=True))
