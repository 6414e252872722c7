"""Transforms of one modality each."""
from typing import Callable, Iterable, Iterator, Optional, Sequence

from mmengine.dataset import Compose

from mmbalance_plugin.registry import TRANSFORMS

from ..determinism import is_deterministic
from .base import Transform


@TRANSFORMS.register_module()
class PerModality(Transform):
    """Run each modality's own transforms, unless nobody wants it.

    A stage that trains one modality then neither decodes nor transforms the
    others. All run, in the order given, where the results do not say what is
    needed.

    Args:
        pipelines (dict[str, Sequence[dict | Callable]]): Modality to its
            transforms, given as keywords.

    Examples:
        >>> pipeline = [
        >>>     dict(type='mmbalance_plugin.PerModality',
        >>>          visual=[dict(type='mmbalance_plugin.PyAVVideoInit')],
        >>>          audio=[dict(type='mmbalance_plugin.PyAVAudioDecode')]),
        >>>     dict(type='mmbalance_plugin.PackMultimodalInputs')]
    """

    def __init__(self, **pipelines: Sequence) -> None:
        self.pipelines = {m: Compose(list(p)) for m, p in pipelines.items()}

    @property
    def deterministic(self) -> bool:
        """bool: Whether none of the transforms draws."""
        return all(
            is_deterministic(p.transforms) for p in self.pipelines.values())

    def transform(self, results: dict) -> Optional[dict]:
        """Run what is needed; None where a transform drops the sample."""
        needed = results.get('needed')
        for modality, pipeline in self.pipelines.items():
            if needed is None or modality in needed:
                results = pipeline(results)
                if results is None:
                    return None
        return results


def all_transforms(transforms: Iterable[Callable]) -> Iterator[Callable]:
    """The transforms of a pipeline, those of each modality among them."""
    for transform in transforms:
        if isinstance(transform, PerModality):
            for pipeline in transform.pipelines.values():
                yield from all_transforms(pipeline.transforms)
        else:
            yield transform
