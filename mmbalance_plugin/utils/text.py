"""Lines and numbers in text files that people and programs wrote."""
import csv
import re
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple, Union

from .pointers import pointer_file

# Of a text in memory, without a copy of it: StringIO's takes four times as
# much.
_LINE = re.compile(r'[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+')
_INTEGER = re.compile(r'([+-]?)([0-9]+)(\.0*)?')
_NUMBER = re.compile(r'[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?')


class TextError(ValueError):
    """A text file that cannot be read; names it and what is wrong."""


def read_text(path: Union[str, Path]) -> str:
    r"""What a text file in UTF-8 holds.

    Args:
        path (str | Path): The file.

    Returns:
        str: Without the byte order mark that Excel puts in front; all lines
        end with ``\n``.

    Raises:
        TextError: It cannot be read, is only a pointer to its content, or
            is not in UTF-8.
    """
    problem = pointer_file(path)
    if problem is not None:
        raise TextError(f'{path} {problem}')
    try:
        return Path(path).read_text(encoding='utf-8-sig')
    except OSError as error:
        raise TextError(
            f'{path} cannot be read: {error.strerror}') from error
    except UnicodeDecodeError as error:
        raise TextError(f'{path} is no text in UTF-8: {error}') from error


def read_rows(path: Union[str, Path],
              text: Optional[str] = None) -> Iterator[Tuple[int, List[str]]]:
    """Rows of a csv file that are not empty.

    Args:
        path (str | Path): The file.
        text (str, optional): What is in it. Defaults to None: it is read.

    Yields:
        Tuple[int, List[str]]: Its line, counted from 1, and the cells
        without blanks around them.

    Raises:
        TextError: It cannot be read, or a quote is never closed.
    """
    if text is None:
        text = read_text(path)
    lines = (match[0] for match in _LINE.finditer(text))
    reader = csv.reader(lines, strict=True, skipinitialspace=True)
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise TextError(
            f'{path}, line {reader.line_num}: {error} (is a quote missing, '
            'or one too many?)') from error


def lines_of(text: str) -> List[str]:
    """Lines of a text without blanks around them, empty ones left out.

    Only the end of a line ends it: ``str.splitlines`` cuts at eight further
    characters, which occur in names (U+2028, U+0085, vertical tabs ...).

    Args:
        text (str): Of :func:`read_text`.
    """
    return [line.strip() for line in text.split('\n') if line.strip()]


def integer(value: Any, signed: bool = False) -> int:
    """A whole number as it stands in a csv or json file.

    ``'7'``, ``' 7 '`` and ``'7.0'`` are (pandas writes the latter where a
    column has gaps); what Python would take for a number besides is not:
    ``'1_0'``, digits of other scripts, True.

    Args:
        value (Any): Text or a number.
        signed (bool): Whether there may be a sign. Defaults to False.

    Raises:
        ValueError: It is no such number.
    """
    match = _INTEGER.fullmatch(_plain(value))
    if match is None or (match[1] and not signed):
        raise ValueError(f'{value!r} is no whole number')
    return int(match[1] + match[2])


def number(value: Any) -> float:
    """A finite number as it stands in a csv or json file.

    Args:
        value (Any): Text or a number; see :func:`integer`.

    Raises:
        ValueError: It is no number.
    """
    text = _plain(value)
    if _NUMBER.fullmatch(text) is None or float(text) in (
            float('inf'), -float('inf')):
        raise ValueError(f'{value!r} is no number')
    return float(text)


def _plain(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f'{value!r} is no number')
    return str(value).strip(' \t')
