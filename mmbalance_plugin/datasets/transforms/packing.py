"""From a pipeline's results to the inputs of a multimodal model."""
from typing import Collection, Dict, Optional, Sequence

import numpy as np
from mmaction.datasets.transforms import PackActionInputs
from mmcv.transforms import to_tensor

from mmbalance_plugin.media import MediaError
from mmbalance_plugin.registry import TRANSFORMS
from mmbalance_plugin.utils.class_numbers import indicators, integers

from .base import Transform


@TRANSFORMS.register_module()
class PackMultimodalInputs(Transform, PackActionInputs):
    """Pack results under the names of the modalities.

    MMAction2's ``PackActionInputs`` with two additions: results are renamed
    (``imgs`` to ``visual``), and a modality that the clip does not have,
    under the dataset's policy ``'mask'``, has an input of no rows, of shape
    (0, ...), and False in the sample's ``modality_mask`` (Dict[str, bool]).
    ``MultimodalDataPreprocessor`` takes such inputs; what would mistake a
    placeholder for content fails to stack them. A data set of one's own says
    what a sample lacks by the results' ``masked_keys``, a set of ``inputs``'
    values.

    Args:
        inputs (Dict[str, str]): Modality -> key in the results. Defaults to
            None: ``dict(visual='imgs', audio='audios')``.
        meta_keys (Sequence[str]): What goes into the sample's metainfo.
            Defaults to the sample's index, files, picture size and
            ``modality_mask``, which is always there if something is missing.
        algorithm_keys (Sequence[str]): See ``PackActionInputs``. Defaults to
            ().
        drop (Dict[str, float]): Modality -> share of the samples that are to
            lack it, to measure what that does: drawn once and for all from
            ``sample_idx``, so that every run, epoch and process drops the
            same. A sample lacks one of them at most, and none where it lacks
            something anyway. Defaults to none.

    Raises:
        KeyError: A key is not in the results.
        ValueError: The label is no integer, or several labels are not
            zeros and ones; ``drop`` names another modality, or more than all
            samples.
        MediaError: Every modality of the sample is missing.
    """

    selective = True

    def __init__(self,
                 inputs: Optional[Dict[str, str]] = None,
                 meta_keys: Sequence[str] = ('sample_idx', 'filename',
                                             'audio_path', 'img_shape',
                                             'modality_mask'),
                 algorithm_keys: Sequence[str] = (),
                 drop: Optional[Dict[str, float]] = None) -> None:
        self.inputs = dict(inputs or dict(visual='imgs', audio='audios'))
        self.drop = dict(drop or {})
        if (set(self.drop) - set(self.inputs) or sum(self.drop.values()) > 1
                or any(share < 0 for share in self.drop.values())):
            raise ValueError(
                f'drop gives shares, of 1 together at most, to some of '
                f'{tuple(self.inputs)}, but is {self.drop}')
        super().__init__(tuple(self.inputs), meta_keys, algorithm_keys)

    def transform(self, results: dict) -> dict:
        """Pack one sample."""
        if 'label' in results:
            # Else .9 would be cut to class 0.
            several = np.ravel(results['label']).size > 1
            (indicators if several else integers)(
                results['label'], f'labels of {_name(results)}')
        masked, inputs = self._masked(results), self.inputs
        if 'needed' in results:
            inputs = {m: inputs[m] for m in inputs if m in results['needed']}
        packed = dict(results)
        for modality, key in inputs.items():
            if key not in results:
                raise KeyError(
                    f'modality "{modality}" is packed from "{key}", which is '
                    f'not in the results ({sorted(results)})')
            tensor = to_tensor(results[key])
            if key in masked:
                tensor = tensor.new_empty(0, *tensor.shape)
            packed[modality] = tensor
        there = {
            modality: key not in masked
            for modality, key in inputs.items()
        }
        if 'needed' not in results and not any(there.values()):
            raise MediaError(
                _name(results), 'has none of the modalities '
                f'{list(inputs)}; leave it out of the annotation')
        # MMAction2 packs what this attribute names.
        self.collect_keys = tuple(inputs)
        packed = super().transform(dict(packed, modality_mask=there))
        if not all(there.values()):
            packed['data_samples'].set_metainfo(dict(modality_mask=there))
        return packed

    def _masked(self, results: dict) -> Collection[str]:
        """Keys of what the sample lacks, or is to lack."""
        masked = results.get('masked_keys', ())
        if not self.drop or masked:
            return masked
        drawn = np.random.default_rng(results['sample_idx']).random()
        for modality, share in self.drop.items():
            drawn -= share
            if drawn < 0:
                return (self.inputs[modality], )
        return ()


def _name(results: dict) -> str:
    for key in ('filename', 'audio_path', 'sample_idx'):
        if results.get(key) is not None:
            return str(results[key])
    return 'a clip'
