"""The text of a config, formatted once per run.

``Config.pretty_text`` runs a formatter, which takes .1 s, and MMEngine's
runner asks for it at the start several times and again for every checkpoint.
Here the last text is kept, and given again as long as the config says the
same.
"""
from typing import Callable, Tuple

from mmengine.config import Config

from .replaced import replace


def install() -> None:
    """Let ``Config.pretty_text`` remember its last answer."""
    last: Tuple[object, str] = (None, '')

    @replace(Config, 'pretty_text')
    def pretty_text(original: Callable, self) -> str:
        nonlocal last
        content = repr((self.to_dict(), self._format_python_code))
        if content != last[0]:
            last = content, original(self)
        return last[1]
