"""What the transforms of this package have in common."""
from mmcv.transforms import BaseTransform


class Transform(BaseTransform):
    """Draws nothing at random, unless a subclass says so, and is shown by
    its settings."""

    @property
    def deterministic(self) -> bool:
        """bool: Whether nothing is drawn at random."""
        return True

    def __repr__(self) -> str:
        shown = ', '.join(f'{key}={value!r}' for key, value
                          in vars(self).items() if not key.startswith('_'))
        return f'{type(self).__name__}({shown})'
