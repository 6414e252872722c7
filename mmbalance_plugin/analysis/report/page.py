"""The page of a report: what it says first, then sections of evidence."""
from dataclasses import dataclass, field
from typing import Dict, List, Sequence


@dataclass
class Verdict:
    """What a reader should take away.

    Args:
        kind (str): 'good', 'warn' or 'unknown', which sets its colour.
        text (str): In plain words, with the numbers behind it.
    """

    kind: str
    text: str


@dataclass
class Figure:
    """A drawing and what it shows.

    Args:
        svg (str): From :mod:`.plots`.
        caption (str): A sentence; also read to those who cannot see it.
    """

    svg: str
    caption: str


@dataclass
class Table:
    """Cells of text; the first column names the row."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass
class Section:
    """One question, its answer in words, figures, tables, a command."""

    title: str
    text: str = ''
    figures: List[Figure] = field(default_factory=list)
    tables: List[Table] = field(default_factory=list)
    command: str = ''


def render_page(title: str, verdicts: Sequence[Verdict],
                sections: Sequence[Section],
                facts: Dict[str, str]) -> str:
    """Lay out a report.

    Args:
        title (str): Heading and title of the window.
        verdicts (Sequence[Verdict]): Shown first.
        sections (Sequence[Section]): Those without figures, tables and text
            are left out.
        facts (dict[str, str]): Where the numbers come from (config, commit,
            seeds ...), shown last.

    Returns:
        str: An HTML document with its style and drawings inside: it fetches
        nothing, runs no script, and follows the reader's light or dark
        setting and the width of the screen. Text is escaped.
    """
    # Here: only who writes a report needs it.
    import jinja2
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, '.'), autoescape=True,
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    return pages.get_template('page.html.j2').render(
        title=title, verdicts=verdicts, facts=facts,
        sections=[s for s in sections if s.text or s.figures or s.tables])
