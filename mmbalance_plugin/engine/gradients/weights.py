"""Which weights belong to which modality."""
from typing import Dict, List

from torch import nn

from ...models.recognizers import MultimodalRecognizer

_SCOPES = ('all', 'conv')


def check_scope(scope: str) -> None:
    """Refuse what is no scope of :func:`modality_weights`."""
    if scope not in _SCOPES:
        raise ValueError(f'scope must be one of {_SCOPES}, got {scope!r}')


def modality_weights(model: MultimodalRecognizer,
                     scope: str = 'all') -> Dict[str, List[nn.Parameter]]:
    """Weights of each encoder that a method may scale.

    They are found through the encoders themselves, so names do not matter. A
    weight that has another owner too (a second encoder, the head, anything
    beside the encoders) belongs to no modality and is left out.

    Args:
        model (MultimodalRecognizer): The bare model.
        scope (str): 'all' for every weight of two or more dimensions
            (convolutions, linear layers, projections, embeddings; no biases
            and no normalisation weights), 'conv' for those of convolutions
            only, which is what the released code of OGM-GE does. Defaults
            to 'all', the author's stated intent.

    Returns:
        dict[str, list[nn.Parameter]]: Each weight once, in the order of
        ``model.encoders``; a list may be empty.

    Raises:
        ValueError: Unknown ``scope``.
    """
    check_scope(scope)
    homes: Dict[int, set] = {}
    for name, encoder in model.encoders.items():
        for module in encoder.modules():
            homes.setdefault(id(module), set()).add(name)
    owners: Dict[int, set] = {}
    weights: Dict[int, nn.Parameter] = {}
    for module in model.modules():
        conv = isinstance(module, nn.modules.conv._ConvNd)
        for parameter in module.parameters(recurse=False):
            owner = homes.get(id(module), {None})
            owners.setdefault(id(parameter), set()).update(owner)
            if parameter.dim() >= 2 and (conv or scope == 'all'):
                weights[id(parameter)] = parameter
    found: Dict[str, List[nn.Parameter]] = {m: [] for m in model.encoders}
    for key, parameter in weights.items():
        if len(owners[key]) == 1 and None not in owners[key]:
            found[next(iter(owners[key]))].append(parameter)
    return found
