"""Parts whose initial weights depend only on the seed and their name."""
import copy
from collections import Counter
from typing import Any, Dict, Iterable, List, Optional, Tuple, Union
from unittest import mock

import torch
from mmengine.dist import broadcast_object_list, master_only
from mmengine.logging import print_log
from mmengine.model import BaseModule, initialize
from torch import Tensor, nn

from mmbalance_plugin.compat.strict_loading import useful_files_only
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.streams import seeded

from ..heads.base import MultimodalHead
from ..modes import is_pretrained, named_values


class SeededParts(BaseModule):
    """Construction and initial weights of :class:`MultimodalRecognizer`.

    Each part is built and initialised under a random stream of its own,
    derived from ``init_seed`` and its name. An encoder or a branch of the
    head therefore starts from the same weights whichever other modalities
    there are.

    Attributes:
        modalities (tuple[str]): Names of all modalities.
        encoders (nn.ModuleDict): Modality to encoder.
        head (MultimodalHead): The head.
        init_seed (int): Base seed of the initial weights. May be set, e.g.
            to that of a resumed run.
    """

    modalities: Tuple[str, ...]
    encoders: nn.ModuleDict
    head: MultimodalHead
    is_init: bool

    def _build_parts(self, encoders: Dict[str, dict], head: dict,
                     init_cfg: Optional[Union[dict, list]],
                     init_seed: Optional[int]) -> None:
        cfgs = [init_cfg] if isinstance(init_cfg, dict) else init_cfg or []
        if not all(is_pretrained(cfg) for cfg in cfgs):
            raise ValueError(
                "init_cfg of the recognizer can only be of type 'Pretrained';"
                ' put other initialisations into the encoders, their '
                'backbones or the head, whose random streams are separate')
        self._config = copy.deepcopy(
            dict(encoders=encoders, head=head, init_cfg=init_cfg))
        self.init_seed = torch.initial_seed() if init_seed is None else \
            init_seed
        self.encoders, widths = nn.ModuleDict(), {}
        for name in self.modalities:
            with seeded(self.init_seed, 'init', f'encoder/{name}'):
                encoder = _build_encoder(name, encoders[name])
            self.encoders[name], widths[name] = encoder, encoder.out_channels
        with seeded(self.init_seed, 'init', 'head'):
            self.head = _build_head(head, widths)

    def init_weights(self) -> None:
        """Initialise each part under its own stream; acts once.

        Raises:
            CheckpointMismatchError: A pretrained file fits nothing.
        """
        if not self.is_init:
            with useful_files_only(), mock.patch.object(
                    BaseModule, '_dump_init_info', _tell_init):
                self._init_parts()
            self.is_init = True

    def _init_parts(self) -> None:
        encoders: Iterable[Tuple[str, Any]] = self.encoders.items()
        for name, encoder in encoders:
            with seeded(self.init_seed, 'init', f'encoder/{name}', 'weights'):
                if hasattr(encoder, 'init_weights'):
                    encoder.init_weights()
        with seeded(self.init_seed, 'init', 'head', 'weights'):
            self.head.init_weights()
        if self.init_cfg:
            initialize(self, self.init_cfg)

    def built_anew(self) -> Dict[str, Tensor]:
        """What config and seed give, on the device of the model.

        Under distributed training every rank must call this; all take rank
        0's ``init_seed``.

        Returns:
            dict[str, Tensor]: Name to value of every parameter and buffer of
            the encoders and the head.
        """
        seed = [self.init_seed]
        broadcast_object_list(seed)
        fresh = _Parts(self.modalities, self._config, seed[0])
        # A GPU draws other numbers than the CPU: initialise where the model
        # was initialised.
        fresh.to(next((p.device for p in self.parameters()), 'cpu'))
        if self.is_init:
            parts: List[Any] = [*fresh.encoders.values(), fresh.head]
            for part in parts:
                # The log has told how each parameter is initialised.
                part._dump_init_info = lambda: None
            fresh.init_weights()
        return named_values(fresh)


@master_only
def _tell_init(part: Any) -> None:
    """A line on what drew the weights of a part, in place of one for each.

    Of those that the constructor has set there is nothing to tell.
    """
    found = Counter(part._params_init_info[value]['init_info']
                    for value in part.parameters())
    told = [f'{count} weights: {" ".join(text.split())}'
            for text, count in found.items()
            if not text.startswith('The value is the same')]
    if told:
        owner = getattr(part, 'modality', None)
        print_log(f'{type(part).__name__}{f" of {owner}" if owner else ""}: '
                  f'{"; ".join(told)}', 'current')


class _Parts(SeededParts):
    """The parts without a recognizer around them."""

    def __init__(self, modalities: Tuple[str, ...], config: dict,
                 init_seed: int) -> None:
        super().__init__(config['init_cfg'])
        self.modalities = modalities
        self._build_parts(**copy.deepcopy(config), init_seed=init_seed)


def _build_encoder(name: str, cfg: dict) -> Any:
    cfg = dict(cfg)
    cfg.setdefault('type', 'mmbalance_plugin.ModalityEncoder')
    encoder = MODELS.build(cfg)
    if not hasattr(encoder, 'out_channels'):
        raise ValueError(
            f"the encoder {type(encoder).__name__} of '{name}' has no "
            'out_channels; wrap a backbone in ModalityEncoder')
    encoder.modality = name
    return encoder


def _build_head(cfg: dict, widths: Dict[str, int]) -> MultimodalHead:
    cfg = dict(cfg)
    if dict(cfg.setdefault('in_channels', widths)) != widths:
        raise ValueError(
            f"the head's in_channels={dict(cfg['in_channels'])} differ from "
            f'what the encoders give, {widths}; leave them out')
    return MODELS.build(cfg)
