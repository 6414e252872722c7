"""What every fusion head has in common."""
from abc import ABCMeta, abstractmethod
from typing import Callable, Dict, Iterable, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, initialize
from torch import Tensor, nn

from mmbalance_plugin.functional._tensors import at_least_float32
from mmbalance_plugin.functional.fusion import silence_absent
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.streams import seeded

from ..modalities import check_modality_names
from ..modes import evaluating, is_pretrained


class MultimodalHead(BaseModule, metaclass=ABCMeta):
    """Base of the heads: features of all modalities to logits.

    A subclass defines :meth:`forward`. If it can tell what a modality says
    alone it defines :meth:`own_logits`; if those logits add up to the fused
    ones it sets ``linear = True``; if it keeps one classifier a modality it
    builds them with :meth:`build_branches`. Everything else has a default.

    The initial weights of each branch come from a stream of their own, named
    by the modality and derived from torch's initial seed at construction, so
    that they do not depend on which other branches there are.

    Args:
        num_classes (int): Number of classes C.
        in_channels (dict[str, int]): Channels D_m of each modality's feature.
            The recognizer fills this in from its encoders.
        loss_cls (dict, optional): Config of a loss that is called with
            logits (B, C) and targets (B, ), such as
            ``dict(type='mmaction.CrossEntropyLoss', class_weight=[1., 3.])``,
            or with ``multi_class`` with targets (B, C), such as
            ``dict(type='mmaction.BCELossWithLogits')``. Defaults to None,
            which means cross-entropy, or the binary one of each label.
        init_cfg (dict | list[dict], optional): Initialisation, applied to
            each branch alone where there are branches. Defaults to None:
            PyTorch's.
        multi_class (bool): Whether a sample has any number of the C labels,
            each a question of its own whose logit is its log-odds. Defaults
            to False: exactly one.

    Attributes:
        modalities (tuple[str]): Names of the modalities, in order.
        branches (nn.ModuleDict | None): The classifiers of the modalities, if
            they are separate modules.
        init_seed (int): Base of the streams of the initial weights.

    Raises:
        ValueError: There are fewer than two classes, or ``loss_cls`` makes
            no scalar of logits and classes.
    """

    is_init: bool

    label_kinds: Tuple[str, ...] = ()
    """tuple[str]: See :func:`~mmbalance_plugin.models.label_kinds.\
check_label_kinds`."""

    linear = False
    """bool: Whether the unimodal logits add up to the fused ones."""

    needs_fit = False
    """bool: Whether :meth:`fit` is to be called with validation logits once
    the branches are trained."""

    def __init__(self,
                 num_classes: int,
                 in_channels: Dict[str, int],
                 loss_cls: Optional[dict] = None,
                 init_cfg: Optional[Union[dict, list]] = None,
                 multi_class: bool = False) -> None:
        super().__init__(init_cfg)
        if num_classes < 2:
            raise ValueError(f'num_classes={num_classes}: a head tells two '
                             'or more classes apart; regression is not '
                             'supported')
        self.num_classes = num_classes
        self.multi_class = multi_class
        self.in_channels = dict(in_channels)
        self.modalities = check_modality_names(
            self.in_channels,
            type(self).__name__)
        self.init_seed = torch.initial_seed()
        self.loss_cls = None
        if loss_cls is not None:
            self.loss_cls = MODELS.build(loss_cls)
            self.try_loss()
            weight = getattr(self.loss_cls, 'class_weight', None)
            if isinstance(weight, Tensor):
                # MMAction2's losses would copy it to the card in each step.
                del self.loss_cls.class_weight
                self.loss_cls.register_buffer('class_weight', weight, False)
        self.branches: Optional[nn.ModuleDict] = None

    def build_branches(self, build: Callable[[int], nn.Module]) -> None:
        """Build ``self.branches``, each from its D_m under its own stream."""
        branches = nn.ModuleDict()
        for name, channels in self.in_channels.items():
            with seeded(self.init_seed, 'init', f'branch/{name}'):
                branches[name] = build(channels)
        self.branches = branches

    def init_weights(self) -> None:
        """Apply ``init_cfg``, part by part under named streams."""
        if self.is_init:
            return
        cfgs = self.init_cfg or []
        cfgs = [cfgs] if isinstance(cfgs, dict) else list(cfgs)
        # Weights that are loaded overwrite those that are drawn.
        loaded = [cfg for cfg in cfgs if is_pretrained(cfg)]
        drawn = [cfg for cfg in cfgs if not is_pretrained(cfg)]
        parts = {'head': self} if self.branches is None else self.branches
        if drawn:
            for name, part in parts.items():
                with seeded(self.init_seed, 'init', name, 'weights'):
                    initialize(part, drawn)
        if loaded:
            initialize(self, loaded)
        self.is_init = True

    @abstractmethod
    def forward(self, features: Dict[str, Tensor]) -> Tensor:
        """Fused logits.

        Args:
            features (dict[str, Tensor]): Feature (B, D_m) of every modality.

        Returns:
            Tensor: Logits (B, C): what gives the fused probabilities after a
            softmax, or with ``multi_class`` a sigmoid.
        """

    def fused_logits(
            self,
            features: Dict[str, Tensor],
            present: Optional[Dict[str, Tensor]] = None) -> Tensor:
        """Fused logits from what each sample has.

        A head of which nothing can be left out sees zeros in place of the
        feature of what is not there, as in :meth:`own_logits`.

        Args:
            features (dict[str, Tensor]): Feature (B, D_m) of every modality.
            present (dict[str, Tensor], optional): For each modality that
                some sample lacks, where it is there: bool, (B, ). Defaults
                to None: every sample has everything.

        Returns:
            Tensor: Logits (B, C).
        """
        return self(silence_absent(features, present))

    def only(self, name: str, feature: Tensor) -> Dict[str, Tensor]:
        """The feature of one modality, and zeros for all others."""
        return {
            m: feature if m == name else feature.new_zeros(
                len(feature), channels)
            for m, channels in self.in_channels.items()
        }

    def own_logits(self, name: str, feature: Tensor) -> Tensor:
        """Logits (B, C) of one modality, from its feature (B, D_m).

        By default the fused ones with zeros in place of all other
        modalities. Under ``torch.no_grad`` the head then runs in eval mode:
        no statistics of a normalisation layer and no random stream moves.

        Note:
            An approximation. A head's biases and gates answer to the zeros
            too, so two equally informative modalities need not score the
            same.
        """
        if torch.is_grad_enabled():
            return self(self.only(name, feature))
        with evaluating(self):
            return self(self.only(name, feature))

    def unimodal_logits(
            self,
            features: Dict[str, Tensor],
            modalities: Optional[Iterable[str]] = None) -> Dict[str, Tensor]:
        """Logits (B, C) of each modality alone, see :meth:`own_logits`.

        ``modalities`` are the wanted ones; None for those in ``features``.
        """
        return {
            name: self.own_logits(name, feature)
            for name, feature in self.select(features, modalities).items()
        }

    def zero_out_logits(
            self,
            features: Dict[str, Tensor],
            modalities: Optional[Iterable[str]] = None) -> Dict[str, Tensor]:
        """What :meth:`own_logits` defaults to, of any head."""
        return {
            name: MultimodalHead.own_logits(self, name, feature)
            for name, feature in self.select(features, modalities).items()
        }

    def criterion(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The classification loss of logits, in float32 or better.

        Args:
            logits (Tensor): Logits (B, C).
            targets (Tensor): True classes (B, ), integers; or (B, C), their
            probabilities, or with ``multi_class`` those of each label.

        Returns:
            Tensor: A scalar.
        """
        logits = at_least_float32(logits)
        if self.loss_cls is not None:
            return self.loss_cls(logits, targets)
        if self.multi_class:
            return F.binary_cross_entropy_with_logits(logits, targets)
        return F.cross_entropy(logits, targets)

    @torch.no_grad()
    def try_loss(self, blended: bool = False) -> None:
        """Refuse a ``loss_cls`` that is none of the targets that will come.

        Args:
            blended (bool): Whether those are blended. Defaults to False.

        Raises:
            ValueError: See the class.
        """
        loss, classes = self.loss_cls, self.num_classes
        if loss is None:
            return
        name = getattr(loss, '__name__', type(loss).__name__)
        # More samples than classes, or broadcasting might hide the misfit.
        logits, targets = torch.zeros(classes + 1, classes), torch.arange(
            classes + 1) % classes
        taken = 'class numbers (B, )'
        if self.multi_class or blended:
            targets = F.one_hot(targets, classes).float()
            taken = 'floats (B, C), as {} has them'.format(
                'multi_class=True' if self.multi_class else 'blending')
        try:
            shape = tuple(loss(logits, targets).shape)
        except Exception as error:
            raise ValueError(
                f'loss_cls: {name} fails on logits (B, {classes}) and {taken}'
                f', which it must take: {error}') from error
        if shape:
            raise ValueError(f'loss_cls: {name} gives {shape} where a scalar '
                             'is needed')
        if self.multi_class and loss(logits, targets) == loss(
                logits + 1, targets):
            raise ValueError(
                f'loss_cls: {name} compares classes, of which multi_class='
                'True has any number: use dict(type='
                "'mmaction.BCELossWithLogits')")

    def probabilities(self, logits: Tensor) -> Tensor:
        """What logits (..., C) stand for, in float32 or better."""
        logits = at_least_float32(logits)
        return logits.sigmoid() if self.multi_class else logits.softmax(-1)

    def fit(self,
            logits: Dict[str, Tensor],
            targets: Tensor,
            present: Optional[Dict[str, Tensor]] = None) -> None:
        """Fit what is fitted rather than trained, if anything is.

        Args:
            logits (dict[str, Tensor]): Unimodal logits (N, C) on validation.
            targets (Tensor): True classes (N, ).
            present (dict[str, Tensor], optional): See :meth:`fused_logits`.

        Raises:
            ValueError: This head has nothing to fit.
        """
        raise ValueError(f'{type(self).__name__} has nothing to fit')

    def select(
            self,
            features: Dict[str, Tensor],
            modalities: Optional[Iterable[str]] = None) -> Dict[str, Tensor]:
        """Pick the wanted features (None: all), checking names and widths.

        Returns:
            dict[str, Tensor]: Features in the order asked for.
        """
        wanted = tuple(features if modalities is None else modalities)
        for name in wanted:
            if name not in self.in_channels:
                raise ValueError(f"{type(self).__name__} has no modality "
                                 f"'{name}'; it has {list(self.modalities)}")
            if name not in features:
                raise ValueError(
                    f"{type(self).__name__} needs the feature of '{name}', "
                    f'but got those of {list(features)}')
            if features[name].shape[-1] != self.in_channels[name]:
                raise ValueError(
                    f"the feature of '{name}' has shape "
                    f'{tuple(features[name].shape)}, but '
                    f'{type(self).__name__} expects (B, '
                    f'{self.in_channels[name]})')
        return {name: features[name] for name in wanted}
