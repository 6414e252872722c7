"""From one modality's input to one feature vector a sample."""
from typing import Optional, Union

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
    averaged again; images or spectrograms (B, C, H, W), sequences (B, L, D)
    and vectors (B, D) go in as they are.

    The backbone may return a vector (B, D), tokens (B, L, D), a feature map
    (B, C, H, W) or (B, C, T, H, W), or several of them: a tuple or list, see
    ``outputs``, or an object with ``last_hidden_state``, or else
    ``pooler_output``, as Hugging Face's models return.

    Args:
        backbone (dict): Config of the backbone, of any registry that MMEngine
            can reach: 'mmaction.ResNet', 'mmbalance_plugin.X', or an import
            path such as 'torch.nn.Identity'.
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
        init_cfg (dict | list[dict], optional): Initialisation of this module
            and its children. Defaults to None.

    Raises:
        ValueError: An argument is none of the above, or in forward the
            backbone's output does not fit ``feat_channels``.
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
                 init_cfg: Optional[Union[dict, list]] = None) -> None:
        super().__init__(init_cfg)
        require_choice('pool', pool, ('avg', 'max', 'cls'))
        require_choice('sequence', sequence, ('BLD', 'BDL'))
        require_choice('outputs', outputs, ('last', 'all'))
        require_choice('fold', fold, ('auto', True, False))
        require_choice('channels_last', channels_last, ('auto', True, False))
        # Set by the recognizer, so that errors can say whose encoder it is.
        self.modality: Optional[str] = None
        self.feat_channels = feat_channels
        self.pool = pool
        self.sequence = sequence
        self.outputs = outputs
        self.fold = fold
        self.channels_last = channels_last
        self.backbone = MODELS.build(backbone)
        self.proj = None
        if proj_channels is not None:
            self.proj = nn.Linear(feat_channels, proj_channels)

    @property
    def out_channels(self) -> int:
        """int: D, the channels of the feature."""
        return self.feat_channels if self.proj is None else \
            self.proj.out_features

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
        return self._pool(self.backbone(inputs), len(inputs))

    def _pool(self, outputs, batch: int) -> Tensor:
        """Pool what the backbone returned to (batch, feat_channels)."""
        for name in ('last_hidden_state', 'pooler_output'):
            if getattr(outputs, name, None) is not None:
                outputs = getattr(outputs, name)
        if not isinstance(outputs, (tuple, list)) or not outputs:
            outputs = [outputs]
        elif self.outputs == 'last':
            outputs = outputs[-1:]
        pooled = [self._pool_one(output, batch) for output in outputs]
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

    def _pool_one(self, output, batch: int) -> Tensor:
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
        dims = [1] if tokens else list(range(2, output.ndim))
        return output.mean(dims) if self.pool == 'avg' else torch.amax(
            output, dims)

    def _name(self) -> str:
        owner = '' if self.modality is None else f" of '{self.modality}'"
        return f'the backbone {type(self.backbone).__name__}{owner}'
