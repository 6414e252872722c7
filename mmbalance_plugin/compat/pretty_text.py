"""The text of a config, formatted once per run.

``Config.pretty_text`` runs a formatter, which takes .1 s, and MMEngine's
runner asks for it at the start several times and again for every checkpoint.
Here the last text is kept, and given again as long as the config says the
same.
"""
from typing import Tuple

from mmengine.config import Config

from .replaced import is_replaced, replaces


def install_pretty_text_shim() -> None:
    """Let ``Config.pretty_text`` remember its last answer."""
    original = Config.pretty_text.fget
    if is_replaced(original):
        return
    last: Tuple[object, str] = (None, '')

    @replaces(original)
    def pretty_text(self) -> str:
        nonlocal last
        content = repr((self.to_dict(), self._format_python_code))
        if content != last[0]:
            last = content, original(self)
        return last[1]

    Config.pretty_text = property(pretty_text)
