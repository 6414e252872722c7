"""The recognizer: encoders, features, head."""
from typing import Callable, Dict, Iterable, List, Optional, Union

from mmaction.structures import ActionDataSample
from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.choices import require_choice
from mmbalance_plugin.utils.eager import eager

from ..data_preprocessors import MultimodalDataPreprocessor
from ..encoders.partial_batch import encode_some
from ..label_kinds import check_label_kinds
from ..modalities import check_modality_names
from ..objectives import BatchRecord
from ..presence import Presence
from .initial_weights import InitialWeights
from .labels import stack_labels
from .parts import Objective
from .predictions import write_predictions
from .scores import UnimodalScores
from .stepping import Stepping


@MODELS.register_module()
class MultimodalRecognizer(InitialWeights, UnimodalScores, Stepping):
    """One encoder a modality, and a head that fuses the features.

    Initial weights are described at :class:`SeededParts` and
    :class:`InitialWeights`, what trains towards what at
    :class:`TrainedParts`, who does it at :class:`Stepping`, the unimodal
    scores at :class:`UnimodalScores`.

    A sample may lack modalities. They are not encoded, have no part in its
    fused prediction, and the sample has no unimodal loss, score or prediction
    of them. Every mean is still over all samples of the batch, so that ranks
    and micro-batches add up.

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
        score (str, optional): Initial ``score_mode``. Defaults to 'auto';
            None takes no scores, and logs none, until something reads them.
        objective (list[dict], optional): Configs of the terms it trains
            towards where a stage says nothing else. Defaults to None:
            :class:`FusedLoss`.
        step (dict, optional): Config of the training step. Defaults to None:
            :class:`TrainStep`.
        blending (dict, optional): Config of :class:`Blending`, MixUp or
            CutMix of training batches. Defaults to None, neither.
        init_seed (int, optional): Base seed of the initial weights. Defaults
            to None: torch's initial seed.

    Attributes:
        feature_transforms (list[Callable]): Each is called in joint training
            as ``transform(features, record)``, in order, after the scores
            are taken and before fusion; returns the features to be fused.
            Here a wrapper may drop features.

    Raises:
        ValueError: A part of the config does not fit; the message names it.
    """

    def __init__(self,
                 encoders: Dict[str, dict],
                 head: dict,
                 data_preprocessor: Optional[Union[dict, nn.Module]] = None,
                 init_cfg: Optional[Union[dict, list]] = None,
                 score: Optional[str] = 'auto',
                 objective: Objective = None,
                 step: Optional[dict] = None,
                 init_seed: Optional[int] = None,
                 blending: Optional[dict] = None) -> None:
        modalities = check_modality_names(encoders, 'MultimodalRecognizer')
        if data_preprocessor is None:
            data_preprocessor = MultimodalDataPreprocessor(
                dict.fromkeys(modalities))
        super().__init__(data_preprocessor, init_cfg)
        self.modalities = modalities
        self._build_parts(encoders, head, init_cfg, init_seed)
        self.blending = MODELS.build(blending) if blending else None
        if self.blending:
            self.head.try_loss(blended=True)
        check_label_kinds(self, self.head)
        self.feature_transforms: List[Callable] = []
        self._init_scores(score)
        self._init_step(step)
        check_label_kinds(self, self.step)
        self._init_training(objective)

    def extract_feat(
            self,
            inputs: Dict[str, Tensor],
            modalities: Optional[Iterable[str]] = None,
            present: Optional[Presence] = None) -> Dict[str, Tensor]:
        """Encode a batch.

        Args:
            inputs (dict[str, Tensor]): Batch of each modality, of those
                samples that have it.
            modalities (Iterable[str], optional): Which ones to encode.
                Defaults to None: the active ones.
            present (Presence, optional): Who has what. Defaults to None:
                every sample has everything.

        Returns:
            dict[str, Tensor]: Features (B, D_m), zeros where there is
            nothing.

        Raises:
            ValueError: An input has no encoder, an encoder no input, or the
                encoders disagree on the batch size.
        """
        names = self.active if modalities is None else tuple(modalities)
        self.check_known(names, 'asked to encode')
        self.check_known(inputs, 'there is no encoder for the inputs')
        missing = [name for name in names if name not in inputs]
        if missing:
            raise ValueError(
                f'the encoders of {missing} got no input; the batch has '
                f'{list(inputs)} (see collect_keys of the packing)')
        features = {
            name: self._encode(name, inputs[name], present)
            for name in names
        }
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

    def _encode(self, name: str, batch: Tensor,
                present: Optional[Presence]) -> Tensor:
        encoder = self.encoders[name]
        if present is None or not present.lacks(name):
            return encoder(batch)
        channels = self.head.in_channels[name]
        return present.spread(encode_some(encoder, batch, channels), name)

    def forward(self,
                inputs: Dict[str, Tensor],
                data_samples: Optional[List[ActionDataSample]] = None,
                mode: str = 'tensor',
                present: Optional[Presence] = None) -> Union[dict, list]:
        """Run the model.

        Args:
            inputs (dict[str, Tensor]): Batch of each modality, of those
                samples that have it.
            data_samples (list[ActionDataSample], optional): With the labels
                for 'loss', to be completed for 'predict'. Defaults to None:
                new ones.
            mode (str): 'loss', 'predict' or 'tensor'. Defaults to 'tensor'.
            present (Presence, optional): Who has what, from the data
                preprocessor. Defaults to None: every sample has everything.

        Returns:
            dict | list: Losses; samples with predictions; or a dict of
            ``features`` {m: (B, D_m)}, fused ``logits`` (B, C), which are
            None while not all modalities are active, and ``unimodal`` logits
            {m: (B, C)}.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples, present)
        if mode == 'predict':
            return self.predict(inputs, data_samples, present)
        require_choice('mode', mode, ('loss', 'predict', 'tensor'))
        return self._forward(inputs, present)

    def _forward(self,
                 inputs: Dict[str, Tensor],
                 present: Optional[Presence] = None) -> dict:
        features = self.extract_feat(inputs, present=present)
        fused = None
        if self.complete:
            fused = self.head.fused_logits(
                features, None if present is None else present.masks)
        return dict(
            features=features,
            logits=fused,
            unimodal=self.head.unimodal_logits(features))

    def loss(self,
             inputs: Dict[str, Tensor],
             data_samples: Optional[List[ActionDataSample]],
             present: Optional[Presence] = None) -> Dict[str, Tensor]:
        """Losses of the current stage; arguments as of :meth:`forward`.

        Returns:
            dict[str, Tensor]: The losses of each term, by name, unsummed.

        Raises:
            ValueError: Two terms give a loss of the same name.
        """
        self._check_stepping()
        losses = self._losses if present is None else self._partial_losses
        return losses(inputs, data_samples, present)

    def _losses(self, inputs: Dict[str, Tensor],
                data_samples: Optional[List[ActionDataSample]],
                present: Optional[Presence]) -> Dict[str, Tensor]:
        return self.losses_of(self.batch_record(inputs, data_samples, present))

    # Other samples lack something in every batch: never the same code twice.
    _partial_losses = eager(_losses)

    def batch_record(
            self,
            inputs: Dict[str, Tensor],
            data_samples: Optional[List[ActionDataSample]],
            present: Optional[Presence] = None,
            modalities: Optional[Iterable[str]] = None) -> BatchRecord:
        """Encode a batch that has labels.

        Args:
            inputs, data_samples, present: See :meth:`forward`.
            modalities (Iterable[str], optional): Which ones to encode.
                Defaults to None: the active ones.

        Returns:
            BatchRecord: What terms are asked about.
        """
        device = next((value.device for value in inputs.values()), None)
        head = self.head
        targets = stack_labels(data_samples, head.num_classes, device,
                               head.multi_class)
        if self.blending is not None and self.training:
            inputs, targets = self.blending(inputs, targets,
                                            head.num_classes, present)
        features = self.extract_feat(inputs, modalities, present)
        sizes = {name: len(value) for name, value in features.items()}
        if set(sizes.values()) != {len(targets)}:
            raise ValueError(f'{len(targets)} labels for batches of {sizes}')
        return BatchRecord(self, inputs, data_samples or (), targets,
                           features, present)

    def losses_of(self, record: BatchRecord) -> Dict[str, Tensor]:
        """What the stage's terms say of a batch; see :meth:`loss`."""
        scored = self.training and self.fuses and self.score_mode is not None
        if scored:
            self._take_scores(record)
        losses: Dict[str, Tensor] = {}
        for term in self.terms:
            found = term(record)
            if not isinstance(found, dict):
                raise TypeError(f'{type(term).__name__} must return losses by '
                                f'name, a dict, not a {type(found).__name__}')
            repeated = sorted(set(found) & set(losses))
            if repeated:
                raise ValueError(
                    f'two terms of the objective give {repeated}')
            losses.update(found)
        if not any('loss' in name for name in losses):
            raise ValueError(f'the objective trains nothing: of {[*losses]} '
                             "none has 'loss' in its name")
        if scored:
            self._hand_out_scores()
        return losses

    def predict(
        self,
        inputs: Dict[str, Tensor],
        data_samples: Optional[List[ActionDataSample]] = None,
        present: Optional[Presence] = None
    ) -> List[ActionDataSample]:
        """Predict, with what each modality says alone; see :meth:`forward`.

        Returns:
            list[ActionDataSample]: With ``pred_scores``, a dict of the
            probabilities (C, ) of each active modality that the sample has,
            and, if all modalities are active, ``pred_score`` (C, ) and
            ``pred_label`` (1, ), the likeliest, of the fused prediction; all
            on the CPU. Of several labels each has a probability. If
            one of them lacks something, all have a ``modality_mask``.
        """
        outputs = self._forward(inputs, present)
        return write_predictions(outputs['unimodal'], outputs['logits'],
                                 self.head.probabilities, data_samples,
                                 present)
