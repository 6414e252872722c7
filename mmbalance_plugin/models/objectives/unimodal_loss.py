"""The losses of the modalities, each alone."""
from typing import (
    TYPE_CHECKING,
    Dict,
    Iterable,
    Mapping,
    Optional,
    Tuple,
    Union,
)

from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.choices import require_choice
from mmbalance_plugin.utils.streams import seeded

from .record import BatchRecord
from .term import ObjectiveTerm

if TYPE_CHECKING:
    from ..recognizers import MultimodalRecognizer


@MODELS.register_module()
class UnimodalLoss(ObjectiveTerm):
    """Classification loss of each modality alone, ``loss_cls_<modality>``.

    Beside :class:`FusedLoss` it makes the uniform multi-loss baseline:
    L = CE(f, y) + gamma sum_m CE(z^m, y).

    Args:
        modalities (Iterable[str], optional): Which ones. Defaults to None:
            those that the stage trains.
        weight (float | dict[str, float]): gamma, or one for each modality.
            Defaults to 1.
        heads (str): Where z^m comes from. 'shared' asks the fusion head for
            what it says of the modality alone: its branch, its exact split,
            or the prediction with zeros in place of the others; it adds no
            parameter, and the head receives both gradients. 'own' trains a
            linear head per modality beside it, which is not used at test
            time. Defaults to 'shared'.

    Raises:
        ValueError: An unknown value of ``heads``, or a weight for a modality
            that is not among ``modalities``.
    """

    learned: Optional[nn.ModuleDict] = None
    label_kinds: Tuple[str, ...] = ('multi', 'soft')

    def __init__(self,
                 modalities: Optional[Iterable[str]] = None,
                 weight: Union[float, Mapping[str, float]] = 1.,
                 heads: str = 'shared') -> None:
        require_choice('UnimodalLoss: heads', heads, ('shared', 'own'))
        self.modalities = None if modalities is None else tuple(modalities)
        self.weight = weight
        self.heads = heads

    def needs(self, model: 'MultimodalRecognizer') -> Tuple[str, ...]:
        return self.modalities or model.trained

    def bind(self, model: 'MultimodalRecognizer') -> None:
        """Build heads of its own; see :class:`ObjectiveTerm`."""
        names = self.needs(model)
        if isinstance(self.weight, Mapping):
            unknown = sorted(set(self.weight) - set(names))
            if unknown:
                raise ValueError(f'UnimodalLoss: weights for {unknown}, but '
                                 f'its modalities are {list(names)}')
        if self.heads == 'own':
            self.learned = nn.ModuleDict()
            for name in names:
                with seeded(model.init_seed, 'init', f'unimodal/{name}'):
                    self.learned[name] = nn.Linear(
                        model.head.in_channels[name], model.head.num_classes)

    def logits(self, record: BatchRecord) -> Dict[str, Tensor]:
        """Logits (B, C) of each modality alone, of those in the record."""
        names = [m for m in self.needs(record.model) if m in record.features]
        if self.learned is not None:
            return {m: self.learned[m](record.features[m]) for m in names}
        return {m: record.unimodal[m] for m in names}

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        losses = {}
        for name, logits in self.logits(record).items():
            weight = self.weight
            if isinstance(weight, Mapping):
                weight = weight.get(name, 1.)
            loss = record.mean(record.model.head.criterion, (name, ), logits,
                               record.targets)
            losses[f'loss_cls_{name}'] = loss if weight == 1 else weight * loss
        return losses
