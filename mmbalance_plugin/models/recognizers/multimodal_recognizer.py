"""The recognizer: encoders, features, head."""
from typing import Callable, Dict, Iterable, List, Optional, Union

from mmaction.structures import ActionDataSample
from mmengine.model import BaseModel
from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS

from ..data_preprocessors import MultimodalDataPreprocessor
from ..modalities import check_modality_names
from .labels import stack_labels
from .predictions import write_predictions
from .scores import UnimodalScores
from .seeded_parts import SeededParts
from .stages import StagedParts

# Callables of others that must not become sub-modules, even if they are
# modules: they would enter the state dict, DDP and the optimiser.
FOREIGN = ('auxiliary', 'feature_transform')


@MODELS.register_module()
class MultimodalRecognizer(SeededParts, StagedParts, UnimodalScores,
                           BaseModel):
    """One encoder a modality, and a head that fuses the features.

    Initial weights are described at :class:`SeededParts`, training in stages
    at :class:`StagedParts`, the unimodal scores at :class:`UnimodalScores`.

    Args:
        encoders (dict[str, dict]): Config of each modality's encoder, in the
            order in which the head sees them; ``type`` defaults to
            ``ModalityEncoder``.
        head (dict): Config of the head; ``in_channels`` comes from the
            encoders.
        data_preprocessor (dict, optional): Config of the data preprocessor.
            Defaults to None: every modality is checked and stacked.
        init_cfg (dict, optional): A checkpoint of the whole model to start
            from, of type 'Pretrained'. Other initialisations belong to the
            encoders, their backbones and the head. Defaults to None.
        score (str, optional): Initial ``score_mode``. Defaults to None.
        init_seed (int, optional): Base seed of the initial weights. Defaults
            to None: torch's initial seed.

    Attributes:
        modalities (tuple[str]): Names of all modalities.
        feature_transform (Callable | None): Called in joint training as
            ``feature_transform(features, model)`` after the scores are taken
            and before the loss; returns the features to be fused. Here a
            wrapper may drop features. Never registered as a sub-module.

    Raises:
        ValueError: A part of the config does not fit; the message names it.
    """

    def __init__(self,
                 encoders: Dict[str, dict],
                 head: dict,
                 data_preprocessor: Optional[Union[dict, nn.Module]] = None,
                 init_cfg: Optional[Union[dict, list]] = None,
                 score: Optional[str] = None,
                 init_seed: Optional[int] = None) -> None:
        modalities = check_modality_names(encoders, 'MultimodalRecognizer')
        if data_preprocessor is None:
            data_preprocessor = MultimodalDataPreprocessor(
                dict.fromkeys(modalities))
        super().__init__(data_preprocessor, init_cfg)
        self.modalities = modalities
        self._build_parts(encoders, head, init_cfg, init_seed)
        self.feature_transform: Optional[Callable] = None
        self._init_scores(score)
        self._init_stages()

    def __setattr__(self, name: str, value) -> None:
        if name in FOREIGN:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def extract_feat(
            self,
            inputs: Dict[str, Tensor],
            modalities: Optional[Iterable[str]] = None) -> Dict[str, Tensor]:
        """Encode a batch.

        Args:
            inputs (dict[str, Tensor]): Batch of each modality.
            modalities (Iterable[str], optional): Which ones to encode.
                Defaults to None: the active ones.

        Returns:
            dict[str, Tensor]: Features (B, D_m).

        Raises:
            ValueError: An input has no encoder, an encoder no input, or the
                encoders disagree on the batch size.
        """
        names = self.active if modalities is None else tuple(modalities)
        self._check_known(names, 'asked to encode')
        self._check_known(inputs, 'there is no encoder for the inputs')
        missing = [name for name in names if name not in inputs]
        if missing:
            raise ValueError(
                f'the encoders of {missing} got no input; the batch has '
                f'{list(inputs)} (see collect_keys of the packing)')
        features = {name: self.encoders[name](inputs[name]) for name in names}
        shapes = {name: tuple(f.shape) for name, f in features.items()}
        for name, shape in shapes.items():
            if len(shape) != 2 or shape[1] != self.head.in_channels[name]:
                raise ValueError(
                    f"the encoder of '{name}' returned shape {shape} instead "
                    f'of (B, {self.head.in_channels[name]})')
        if len({shape[0] for shape in shapes.values()}) > 1:
            raise ValueError('the encoders disagree on the batch size: '
                             f'features of shapes {shapes}')
        return features

    def forward(self,
                inputs: Dict[str, Tensor],
                data_samples: Optional[List[ActionDataSample]] = None,
                mode: str = 'tensor') -> Union[dict, list]:
        """Run the model.

        Args:
            inputs (dict[str, Tensor]): Batch of each modality.
            data_samples (list[ActionDataSample], optional): With the labels
                for 'loss'. Defaults to None.
            mode (str): 'loss', 'predict' or 'tensor'. Defaults to 'tensor'.

        Returns:
            dict | list: Losses; samples with predictions; or a dict of
            ``features`` {m: (B, D_m)}, fused ``logits`` (B, C), which are
            None while not all modalities are active, and ``unimodal`` logits
            {m: (B, C)}.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self._forward(inputs)
        raise ValueError("mode must be 'loss', 'predict' or 'tensor', but "
                         f"got '{mode}'")

    def _forward(self, inputs: Dict[str, Tensor]) -> dict:
        features = self.extract_feat(inputs)
        return dict(
            features=features,
            logits=self.head(features) if self.complete else None,
            unimodal=self.head.unimodal_logits(features))

    def loss(self, inputs: Dict[str, Tensor],
             data_samples: List[ActionDataSample]) -> Dict[str, Tensor]:
        """Losses of the current stage.

        Args:
            inputs (dict[str, Tensor]): Batch of each modality.
            data_samples (list[ActionDataSample]): Samples with labels.

        Returns:
            dict[str, Tensor]: 'loss_cls' of the fused prediction, or
            'loss_cls_<modality>' of each trained modality and what the
            auxiliary adds.
        """
        device = next((value.device for value in inputs.values()), None)
        targets = stack_labels(data_samples, self.head.num_classes, device)
        features = self.extract_feat(inputs)
        sizes = {name: len(value) for name, value in features.items()}
        if set(sizes.values()) != {len(targets)}:
            raise ValueError(f'{len(targets)} labels for batches of {sizes}')
        if self.objective == 'fused':
            return self._features_to_losses(features, targets)
        logits = self.head.unimodal_logits(features)
        losses = {
            f'loss_cls_{name}': self.head.criterion(value, targets)
            for name, value in logits.items()
        }
        if self.auxiliary is not None:
            losses.update(
                self.auxiliary(self, inputs, features, logits, targets,
                               data_samples))
        return losses

    def _features_to_losses(self, features: Dict[str, Tensor],
                            targets: Tensor) -> Dict[str, Tensor]:
        """Joint objective; scores see the features before the transform."""
        if self.training and self.score_mode is not None:
            self._accumulate_scores(features, targets)
        if self.training and self.feature_transform is not None:
            features = self.feature_transform(features, self)
        return self.head.loss(features, targets)

    def predict(
        self,
        inputs: Dict[str, Tensor],
        data_samples: Optional[List[ActionDataSample]] = None
    ) -> List[ActionDataSample]:
        """Predict, with what each modality says alone.

        Args:
            inputs (dict[str, Tensor]): Batch of each modality.
            data_samples (list[ActionDataSample], optional): Samples to be
                completed. Defaults to None: new ones.

        Returns:
            list[ActionDataSample]: With ``pred_scores``, a dict of each
            active modality's probabilities (C, ), and, if all modalities are
            active, ``pred_score`` (C, ) and ``pred_label`` (1, ) of the
            fused prediction; all on the CPU.
        """
        outputs = self._forward(inputs)
        return write_predictions(outputs['unimodal'], outputs['logits'],
                                 data_samples)
