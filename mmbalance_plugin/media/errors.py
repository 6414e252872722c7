"""What goes wrong with a media file, by name."""
from typing import Optional


class MediaError(RuntimeError):
    """A file that cannot be read as asked.

    Args:
        path (str): The file. With ``reason=None`` it is the whole message,
            which is how PyTorch's data loader rebuilds an error of a worker
            process.
        reason (str, optional): What is wrong, and what mends it.

    Attributes:
        path (str): The file.
        reason (str): What is wrong; empty when only a message is known.
    """

    def __init__(self, path: str, reason: Optional[str] = None) -> None:
        self.path = str(path)
        self.reason = reason or ''
        super().__init__(self.path if reason is None else f'{path}: {reason}')

    def __reduce__(self):
        return type(self), (self.path, self.reason or None)


class MissingStreamError(MediaError):
    """A file (or a row of an annotation) that has no picture or no sound.

    It is not damaged: the modality simply is not there, so that the policy
    for missing modalities may replace it.
    """
