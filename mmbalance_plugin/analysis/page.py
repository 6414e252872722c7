"""Tables inside a page of the docs, written anew from what runs have left."""
import re
import shlex
from pathlib import Path
from typing import Callable, List

_BLOCK = re.compile(r'(<!-- compare\.py (.*?) -->\n).*?(<!-- end -->)',
                    re.DOTALL)


def update_page(page: Path, tables: Callable[[List[str]], str]) -> None:
    """Replace what stands between markers.

    Args:
        page (Path): With ``<!-- compare.py --from results/av_digits -->``
            and ``<!-- end -->`` around every table.
        tables (Callable): The arguments of a marker to its tables.

    Raises:
        ValueError: The page has no markers.
    """
    text = page.read_text(encoding='utf-8')
    new, count = _BLOCK.subn(
        lambda m: f'{m[1]}\n{tables(shlex.split(m[2]))}\n{m[3]}', text)
    if not count:
        raise ValueError(f'{page} has no <!-- compare.py ... --> and '
                         '<!-- end --> to write tables between')
    if new != text:
        page.write_text(new, encoding='utf-8')
