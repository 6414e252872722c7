"""Predictions for clips, with what each modality contributes."""
import logging
import os
from collections import defaultdict
from itertools import islice
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Union,
    cast,
)

import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from torch import Tensor

from mmbalance_plugin.functional.shapley import coalitions, shapley_values
from mmbalance_plugin.media import MediaError
from mmbalance_plugin.utils.choices import require_choice

from .building import build_recognizer, default_scope, load_config
from .checkpoint import load_weights, unfinished_stages
from .clip import Clip, ClipError
from .clip_reader import ClipReader, ClipSource, clip_name
from .coalitions import coalition_log_probabilities
from .dataset_info import class_names as find_class_names
from .dataset_info import find_dataset
from .prediction import (
    ClipFailure,
    ClipPrediction,
    add_labels,
    assemble_predictions,
)


class MultimodalInferencer:
    """Predicts clips with a trained ``MultimodalRecognizer``.

    For each clip: the fused prediction, what each modality predicts alone,
    and each modality's share in the fused prediction. A share is the exact
    Shapley value of the modality in the game whose value is the fused
    probability of the predicted class. Modalities outside a coalition are
    left out as if the clip lacked them, see
    :func:`coalition_log_probabilities`. Shares and ``baseline``, the value of
    the empty coalition, add up to the fused probability.

    With ``multi_class`` of the head a clip has any number of labels: those
    whose fused probability reaches the threshold, each with shares of its
    own.

    Each clip passes each encoder once; the 2**M coalitions are evaluated on
    the features by the head.

    A clip is

    - a path of a file that holds all modalities,
    - a dict of paths, one for each modality (and, where the pipeline reads
      more, such as ``FlowDecode``, one for each of these keys),
    - a dict of arrays or tensors, one for each modality, as they leave the
      pipeline (before the data preprocessor), or
    - an item of a data set whose pipeline packs its samples.

    Args:
        config (str | PathLike | Config | dict): The training config. A model
            that wraps the recognizer (OPM) is unwrapped. Clips on disk go
            through the pipeline of its ``test_dataloader`` (or
            ``val_dataloader``).
        checkpoint (str | PathLike): Written by training; loaded safely.
        device (str | torch.device, optional): Defaults to None: a GPU if
            there is one.
        class_names (Sequence[str], optional): Defaults to None: those of the
            config, of the checkpoint's training data or of the data set's
            class, in this order; else the class numbers.
        value (str): What the shares divide: 'probability' or
            'log_probability' of the predicted class. Defaults to
            'probability'.
        missing (str, optional): What to do with a clip that lacks a
            modality: 'error', or 'mask' to predict from the coalition of
            those that are there, as testing with this policy does (an array
            of nothing but NaN is not there). Defaults
            to None: 'mask' if that is the policy of the config's data set,
            else 'error'.
        cfg_options (dict, optional): Overrides of the config. Defaults to
            None.
        threshold (float, optional): Of several labels, the probability from
            which a clip has one. Defaults to None: 0.5.

    Raises:
        FileNotFoundError: Config or checkpoint do not exist.
        ValueError: The config has no multimodal recognizer, or an argument
            is none of the above, or the device cannot be used.
        CheckpointMismatchError: The checkpoint is not one of this model.

    Examples:
        >>> inferencer = MultimodalInferencer('configs/udi_crema_d.py',
        ...                                   'work_dirs/best.pth')
        >>> first, second = inferencer(['a.mp4', 'b.mp4'])
        >>> first.name, first.modalities['audio'].share
    """

    def __init__(self,
                 config: Union[str, os.PathLike, Config, dict],
                 checkpoint: Union[str, os.PathLike],
                 device: Optional[Union[str, torch.device]] = None,
                 class_names: Optional[Sequence[str]] = None,
                 value: str = 'probability',
                 missing: Optional[str] = None,
                 cfg_options: Optional[dict] = None,
                 threshold: Optional[float] = None) -> None:
        require_choice('value', value, ('probability', 'log_probability'))
        self.value = value
        self.config = load_config(config, cfg_options)
        self.device = _usable(device or get_device())
        self.model = build_recognizer(self.config)
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(f'threshold={threshold} is no probability')
        if threshold is not None and not self.model.head.multi_class:
            raise ValueError(
                f'threshold={threshold} is for several labels, but the head '
                'predicts one class (multi_class=False): leave it out')
        self.threshold = .5 if threshold is None else threshold
        with default_scope(self.config):
            loaded = load_weights(self.model, checkpoint)
            dataset = find_dataset(self.config)
            self.classes = find_class_names(self.model.head.num_classes,
                                            class_names, self.config, dataset,
                                            loaded)
            self.reader = ClipReader(self.config, dataset,
                                     self.model.modalities, missing)
        later = unfinished_stages(loaded)
        if later:
            print_log(
                f'{checkpoint} was written before the stages {later} had '
                'run: what they train has its initial weights',
                logger='current',
                level=logging.WARNING)
        self.model.to(self.device).eval()

    def __call__(self,
                 clips: Union[ClipSource, Iterable[ClipSource]],
                 batch_size: int = 8) -> List[ClipPrediction]:
        """Predict clips.

        Args:
            clips (str | PathLike | dict | Iterable): One clip or several.
            batch_size (int): How many go through the model together.
                Results do not depend on it. Defaults to 8.

        Returns:
            list[ClipPrediction]: One for each clip, in order.

        Raises:
            ClipError: A clip is no clip, or lacks a modality.
            MediaError: A file is absent or damaged.
        """
        # With on_error='raise' there are no failures among them.
        return cast(List[ClipPrediction],
                    list(self.stream(clips, batch_size)))

    def stream(
        self,
        clips: Union[ClipSource, Iterable[ClipSource]],
        batch_size: int = 8,
        on_error: str = 'raise'
    ) -> Iterator[Union[ClipPrediction, ClipFailure]]:
        """Predict clips batch by batch, as an iterator; see the call.

        Args:
            clips (str | PathLike | dict | Iterable): One clip or several.
            batch_size (int): See the call. Defaults to 8.
            on_error (str): What a clip that cannot be read does: 'raise', or
                'return' a :class:`ClipFailure` in its place. Defaults to
                'raise'.

        Yields:
            ClipPrediction | ClipFailure: One for each clip, in order.

        Raises:
            ValueError: An argument is none of the above.
            ClipError, MediaError: With ``on_error='raise'``.
        """
        if batch_size < 1:
            raise ValueError(f'batch_size must be positive, got {batch_size}')
        require_choice('on_error', on_error, ('raise', 'return'))
        if isinstance(clips, (str, os.PathLike, dict)):
            clips = [clips]
        source = enumerate(clips)
        while True:
            batch = [
                self._read(clip, index, on_error)
                for index, clip in islice(source, batch_size)
            ]
            if not batch:
                return
            predicted = iter(self._predict_batch(
                [clip for clip in batch if isinstance(clip, Clip)]))
            for clip in batch:
                yield next(predicted) if isinstance(clip, Clip) else clip

    def _read(self, source: ClipSource, index: int,
              on_error: str) -> Union[Clip, ClipFailure]:
        try:
            return self.reader.read(source, index)
        except (ClipError, MediaError) as error:
            if on_error == 'raise':
                raise
            return ClipFailure(clip_name(source, index), str(error))

    def _predict_batch(self, clips: Sequence[Clip]) -> List[ClipPrediction]:
        """Clips that can be stacked go together."""
        groups = defaultdict(list)
        for index, clip in enumerate(clips):
            groups[clip.kind].append(index)
        done: Dict[int, ClipPrediction] = {}
        for members in groups.values():
            predicted = self._predict([clips[index] for index in members])
            done.update(zip(members, predicted))
        return [done[index] for index in range(len(clips))]

    @torch.no_grad()
    def _predict(self, clips: Sequence[Clip]) -> List[ClipPrediction]:
        model, present = self.model, tuple(clips[0].inputs)
        features = model.extract_feat(self._preprocess(clips), present)
        alone = model.head.unimodal_logits(features, present)
        values = coalition_log_probabilities(model.head, features,
                                             coalitions(present))
        fused = values[present]
        best = fused.argmax(dim=1, keepdim=True)
        game: Dict[Any, Tensor] = dict(values) if model.head.multi_class \
            else {
                chosen: value.gather(1, best)
                for chosen, value in values.items()
            }
        if self.value == 'probability':
            game = {chosen: value.exp() for chosen, value in game.items()}
        baseline, shares = game[()], shapley_values(game, present)
        if not model.head.multi_class:
            best = torch.zeros_like(best)  # the one column that there is
        found = assemble_predictions(
            [clip.name for clip in clips], self.classes, model.modalities,
            fused.exp(),
            {m: model.head.probabilities(logits)
             for m, logits in alone.items()},
            baseline.gather(1, best)[:, 0],
            {m: x.gather(1, best)[:, 0] for m, x in shares.items()})
        if not model.head.multi_class:
            return found
        return add_labels(found, self.classes, self.threshold, baseline,
                          shares)

    def _preprocess(self, clips: Sequence[Clip]) -> Dict[str, Tensor]:
        present = tuple(clips[0].inputs)
        self.model.load_only(present)
        inputs = {m: [clip.inputs[m] for clip in clips] for m in present}
        samples = [
            ActionDataSample(metainfo=dict(sample_idx=clip.name))
            for clip in clips
        ]
        inputs = self.model.data_preprocessor(
            dict(inputs=inputs, data_samples=samples), False)['inputs']
        # A model without a preprocessor of its own only moves its inputs.
        return {
            m: torch.stack(x) if isinstance(x, (list, tuple)) else x
            for m, x in inputs.items()
        }


def _usable(device: Union[str, torch.device]) -> torch.device:
    """A device that can be computed on."""
    try:
        return torch.zeros(1, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f'device {str(device)!r} cannot be used here: {error}') from error
