"""Labels of an annotation: names or numbers to class numbers."""
from pathlib import Path
from typing import Any, List, Optional, Sequence, Union

from mmbalance_plugin.utils.text import TextError, integer, lines_of, read_text

from .av_annotation import AnnotationError, Row


class LabelMap:
    """Turns labels as written into class numbers.

    A label that is a class name stands for that class, even if it looks
    like a number; any other must be a number. ``1.0``, which pandas writes
    where a column has gaps, is ``1``.

    Args:
        classes (Sequence[str] | str, optional): The names in order, or a
            text file with one on each line. Defaults to ``classes.txt``
            beside the annotation, if there is one.
        ann_file (str): The annotation.
        num_classes (int, optional): Checked against the names, and the
            bound for labels that are numbers.
    """

    def __init__(self, classes: Union[Sequence[str], str, None],
                 ann_file: str, num_classes: Optional[int] = None) -> None:
        beside = Path(ann_file).with_name('classes.txt')
        if classes is None and beside.is_file():
            classes = str(beside)
        if isinstance(classes, (str, Path)):
            classes = read_names(classes)
        self.names = tuple(str(name).strip() for name in classes or ())
        self.numbers = {name: i for i, name in enumerate(self.names)}
        if len(self.numbers) != len(self.names):
            twice = next(n for n in self.names if self.names.count(n) > 1)
            raise AnnotationError(f'class "{twice}" is listed twice')
        if self.names and num_classes not in (None, len(self.names)):
            raise AnnotationError(
                f'{ann_file}: num_classes={num_classes}, but '
                f'{len(self.names)} class names are given')
        self.count = len(self.names) or num_classes

    def __call__(self, row: Row, several: bool) -> Union[int, List[int]]:
        """The number of a row's class, or numbers with ``several``."""
        label = row.label
        if not several:
            return self._number(row.place, label)
        if isinstance(label, str):
            label = [part for part in label.split(';') if part.strip()]
        parts = label if isinstance(label, list) else [label]
        if not parts:
            raise AnnotationError(f'{row.place}, column "label": is empty')
        return [self._number(row.place, part) for part in parts]

    def _number(self, place: str, label: Any) -> int:
        text = '' if label is None else str(label).strip()
        if text in self.numbers:
            return self.numbers[text]
        where = f'{place}, column "label": '
        if not text:
            raise AnnotationError(where + 'is empty')
        try:
            number = integer(text, signed=True)
        except ValueError:
            known = ('the class names are not known: pass classes=[...] to '
                     'the dataset or put classes.txt, one name on each line, '
                     'beside the annotation')
            if self.names:
                known = f'the classes are {", ".join(self.names[:20])}'
                known += ' ...' if len(self.names) > 20 else ''
            raise AnnotationError(
                f'{where}"{text}" is no class; {known}') from None
        if str(number) in self.numbers:  # the name of a class, as 1.0
            return self.numbers[str(number)]
        if number < 0 or (self.count and number >= self.count):
            bound = f' of 0 to {self.count - 1}' if self.count else ''
            raise AnnotationError(
                f'{where}{number} is not a class number{bound}')
        return number


def read_names(path: Union[str, Path]) -> List[str]:
    """Class names from a text file in UTF-8 with one on each line.

    Raises:
        AnnotationError: It cannot be read.
    """
    try:
        return lines_of(read_text(path))
    except TextError as error:
        raise AnnotationError(f'not a list of classes: {error}') from None
