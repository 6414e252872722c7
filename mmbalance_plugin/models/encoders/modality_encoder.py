"""From one modality's input to one feature vector a sample."""
import inspect
from typing import Optional, Sequence, Tuple, Union

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.choices import require_choice

_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


@MODELS.register_module()
class ModalityEncoder(BaseModule):
    """Any backbone, pooled to a feature (B, D), optionally projected.

    Inputs are what MMAction2 packs, batched: frames (B, N, C, H, W) and clips
    (B, N, C, T, H, W) have their N folded into the batch and their N features
    averaged again; images or spectrograms (B, C, H, W), sequences (B, L, D),
    vectors (B, D) and the integers of a text (B, L) go in as they are.

    The backbone may return a vector (B, D), tokens (B, L, D), a feature map
    (B, C, H, W) or (B, C, T, H, W), or several of them: a tuple or list, see
    ``outputs``, or an object with ``last_hidden_state``, or else
    ``pooler_output``, as Hugging Face's models return.

    Args:
        backbone (dict): Config of the backbone, of any registry that MMEngine
            can reach: 'mmaction.ResNet', 'mmbalance_plugin.X', or an import
            path such as 'timm.create_model'. One by import path that no
            registry has keeps the weights that its constructor gave it, and
            so does a module of another package inside of a backbone.
        feat_channels (int): Channels of what the backbone returns. A backbone
            that returns another number is an error, not a surprise.
        proj_channels (int, optional): If given, a linear layer maps the
            pooled feature to this many channels. Defaults to None.
        pool (str): 'avg' or 'max' over positions or tokens, or 'cls' for the
            first token. Defaults to 'avg'.
        sequence (str): How to read a backbone's three-dimensional output:
            'BLD' (tokens) or 'BDL' (the map of a 1D convolution).
            Defaults to 'BLD'.
        outputs (str): What is taken of a backbone's tuple or list: 'last',
            or 'all' of them, pooled and concatenated (the two pathways of
            SlowFast). Defaults to 'last'.
        fold (str | bool): Whether dimension 1 of the input counts frames,
            clips or segments to be folded into the batch. 'auto' folds
            inputs of five and six dimensions; set False for a backbone that
            takes (B, C, T, H, W), True for e.g. segments (B, N, D).
            Defaults to 'auto'.
        channels_last (str | bool): Whether maps (B, C, H, W), and with True
            volumes (B, C, T, H, W), go into the backbone with their channels
            last in memory, and stay so where its operations keep that.
            'auto' does so on a card, where a ResNet18 takes two thirds of
            the time; on a CPU it may take less or more
            (docs/performance.md). Results change by rounding only. Defaults
            to 'auto'.
        pad_id (int, optional): The integer that fills texts up to one
            length. Its places have no part in the mean over tokens, and a
            backbone that takes an ``attention_mask`` is told. Defaults to
            None: nothing is padding.
        frozen (bool | Sequence[str]): What of the backbone is not trained
            and stays in eval mode: True for all of it, or names of its
            modules, such as ('conv1', 'layer1'). Defaults to False.
        init_cfg (dict | list[dict], optional): Initialisation of this module
            and its children. Defaults to None.

    Raises:
        ValueError: An argument is none of the above, or in forward the
            backbone's output does not fit ``feat_channels``, or a text is
            no integers.
    """

    def __init__(self,
                 backbone: dict,
                 feat_channels: int,
                 proj_channels: Optional[int] = None,
                 pool: str = 'avg',
                 sequence: str = 'BLD',
                 outputs: str = 'last',
                 fold: Union[str, bool] = 'auto',
                 channels_last: Union[str, bool] = 'auto',
                 pad_id: Optional[int] = None,
                 frozen: Union[bool, Sequence[str]] = False,
                 init_cfg: Optional[Union[dict, list]] = None) -> None:
        super().__init__(init_cfg)
        require_choice('pool', pool, ('avg', 'max', 'cls'))
        require_choice('sequence', sequence, ('BLD', 'BDL'))
        require_choice('outputs', outputs, ('last', 'all'))
        require_choice('fold', fold, ('auto', True, False))
        require_choice('channels_last', channels_last, ('auto', True, False))
        if pad_id is not None and (pool, sequence) not in (
                ('avg', 'BLD'), ('cls', 'BLD')):
            raise ValueError("pad_id is for pool='avg' or 'cls' of tokens, "
                             f"but got pool='{pool}', sequence='{sequence}'")
        # Set by the recognizer, so that errors can say whose encoder it is.
        self.modality: Optional[str] = None
        self.feat_channels = feat_channels
        self.pool = pool
        self.sequence = sequence
        self.outputs = outputs
        self.fold = fold
        self.channels_last = channels_last
        self.pad_id = pad_id
        self.backbone = MODELS.build(backbone)
        # A compiled TorchScript has no signature.
        self._takes_mask = pad_id is not None and (
            'attention_mask' in inspect.signature(
                self.backbone.forward).parameters)
        _keep_weights_of_others(self.backbone)
        self._frozen = self._find_frozen(frozen)
        self.proj = None
        if proj_channels is not None:
            self.proj = nn.Linear(feat_channels, proj_channels)

    @property
    def out_channels(self) -> int:
        """int: D, the channels of the feature."""
        return self.feat_channels if self.proj is None else \
            self.proj.out_features

    def train(self, mode: bool = True) -> nn.Module:
        """Set the mode of what is not frozen; that stays in eval mode."""
        super().train(mode)
        for name in self._frozen:
            self.get_submodule(name).eval()
        return self

    def _find_frozen(self, frozen: Union[bool, Sequence[str]]
                     ) -> Tuple[str, ...]:
        names = ('backbone', ) if frozen is True else tuple(
            f'backbone.{name}' for name in frozen or ())
        for name in names:
            try:
                part = self.get_submodule(name)
            except AttributeError:
                raise ValueError(
                    f'frozen names {name[9:]!r}, but {self._name()} has '
                    f'{[n for n, _ in self.backbone.named_children()]}'
                ) from None
            for value in part.parameters():
                value.requires_grad_(False)
        return names

    def forward(self, inputs: Tensor) -> Tensor:
        """Encode a batch.

        Args:
            inputs (Tensor): A batch of this modality, see the class.

        Returns:
            Tensor: Features of shape (B, D).
        """
        folded = inputs.ndim in (5, 6) if self.fold == 'auto' else self.fold
        if not folded:
            features = self._encode(inputs)
        else:
            batch, pieces = inputs.shape[:2]
            features = self._encode(inputs.flatten(0, 1))
            features = features.unflatten(0, (batch, pieces)).mean(dim=1)
        return features if self.proj is None else self.proj(features)

    def _encode(self, inputs: Tensor) -> Tensor:
        last = self.channels_last
        if last == 'auto':
            last = inputs.is_cuda and inputs.ndim == 4
        if last and inputs.ndim in _LAST:
            # Not Tensor.contiguous, which leaves a single channel as it is.
            inputs = torch.empty_like(
                inputs, memory_format=_LAST[inputs.ndim]).copy_(inputs)
        if self.pad_id is None:
            return self._pool(self.backbone(inputs), len(inputs))
        if inputs.is_floating_point():
            owner = self.modality or 'text'
            raise ValueError(
                f'{self._name()} has pad_id={self.pad_id}, but was given '
                f'{inputs.dtype}; give the data preprocessor preprocessors='
                f"dict({owner}=dict(dtype='int64'))")
        mask = inputs != self.pad_id
        outputs = self.backbone(
            inputs, attention_mask=mask.to(inputs.dtype)) \
            if self._takes_mask else self.backbone(inputs)
        return self._pool(outputs, len(inputs), mask)

    def _pool(self,
              outputs,
              batch: int,
              mask: Optional[Tensor] = None) -> Tensor:
        """Pool what the backbone returned to (batch, feat_channels)."""
        for name in ('last_hidden_state', 'pooler_output'):
            if getattr(outputs, name, None) is not None:
                outputs = getattr(outputs, name)
        if not isinstance(outputs, (tuple, list)) or not outputs:
            outputs = [outputs]
        elif self.outputs == 'last':
            outputs = outputs[-1:]
        pooled = [self._pool_one(output, batch, mask) for output in outputs]
        channels = sum(feature.shape[1] for feature in pooled)
        if channels != self.feat_channels:
            sequences = [o for o in outputs if o.ndim == 3]
            hint = " (or sequence='BDL')" \
                if sequences and self.sequence == 'BLD' else ''
            raise ValueError(
                f'{self._name()} returned '
                f'{" and ".join(f"shape {tuple(o.shape)}" for o in outputs)}'
                f' for a batch of {batch}, that is {channels} channels, but '
                f'feat_channels={self.feat_channels}; set '
                f'feat_channels={channels}{hint}')
        return pooled[0] if len(pooled) == 1 else torch.cat(pooled, 1)

    def _pool_one(self, output, batch: int,
                  mask: Optional[Tensor]) -> Tensor:
        if not isinstance(output, Tensor) or not 2 <= output.ndim <= 5:
            found = tuple(output.shape) if isinstance(
                output, Tensor) else type(output).__name__
            raise ValueError(
                f'{self._name()} returned {found}; a vector (B, D), tokens '
                '(B, L, D), a feature map (B, C, H, W) or (B, C, T, H, W), '
                'or a tuple that ends with one of them is needed')
        if output.shape[0] != batch:
            raise ValueError(f'{self._name()} returned shape '
                             f'{tuple(output.shape)} for a batch of {batch}')
        if output.ndim == 2:
            return output
        tokens = output.ndim == 3 and self.sequence == 'BLD'
        if self.pool == 'cls':
            if not tokens:
                raise ValueError(
                    f"{self._name()} returned shape {tuple(output.shape)}, "
                    "which has no class token; use pool='avg' or 'max'")
            return output[:, 0]
        if mask is not None and tokens:
            if output.shape[:2] != mask.shape:
                raise ValueError(
                    f'{self._name()} returned shape {tuple(output.shape)} '
                    f'for texts of shape {tuple(mask.shape)}: it is not known '
                    'which are padding; leave out pad_id')
            weight = mask[..., None].to(output)
            return (output * weight).sum(1) / weight.sum(1).clamp(min=1)
        dims = [1] if tokens else list(range(2, output.ndim))
        return output.mean(dims) if self.pool == 'avg' else torch.amax(
            output, dims)

    def _name(self) -> str:
        owner = '' if self.modality is None else f" of '{self.modality}'"
        return f'the backbone {type(self.backbone).__name__}{owner}'


def _keep_weights_of_others(backbone: nn.Module) -> None:
    """Keep MMEngine from initialising what is not OpenMMLab's.

    timm's models have an ``init_weights``, too, which would undo
    ``pretrained=True``.
    """
    home = _package(backbone) if _follows_mmengine(backbone) else None
    for part in backbone.modules():
        if hasattr(part, 'init_weights') and _package(part) != home and (
                not _follows_mmengine(part)):
            part.is_init = True  # type: ignore[assignment]


def _package(module: nn.Module) -> str:
    return type(module).__module__.partition('.')[0]


def _follows_mmengine(module: nn.Module) -> bool:
    """Whether ``init_weights``, if there is one, is OpenMMLab's."""
    root = MODELS.root
    return isinstance(module, BaseModule) or any(
        type(module) in registry.module_dict.values()
        for registry in (root, *root.children.values()))
