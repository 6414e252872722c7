"""Which targets a part of the training is defined for."""
from typing import Any

_TEXTS = dict(
    multi='several labels (multi_class=True of the head)',
    soft='blended ones (blending of the recognizer)')


def check_label_kinds(model: Any, *parts: Any) -> None:
    """Refuse what is not defined for the targets that a model trains with.

    Everything is defined for one class per sample. What else its formula
    holds for, a class says by ``label_kinds``: 'multi' for several labels per
    sample, 'soft' for blended ones, which are probabilities. Its subclasses
    have formulas of their own and must say so themselves.

    Args:
        model (nn.Module): The bare model; any but a
            :class:`MultimodalRecognizer` has one class per sample.
        parts (Any): Heads, objective terms, steps, gradient methods,
            wrappers, consistency losses, hooks.

    Raises:
        ValueError: One of them is not; names it.
    """
    for kind in getattr(model, 'labels_in_use', ()):
        for part in parts:
            if kind not in vars(type(part)).get('label_kinds', ()):
                name = type(part).__name__
                raise ValueError(
                    f'{name} is defined for one class per sample, not for '
                    f'{_TEXTS[kind]}: take a method that is (docs/'
                    f'multi-label.md), or, if {name} is yours and its formula '
                    f"holds, give it label_kinds = ('{kind}', )")
