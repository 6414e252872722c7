"""Errors of data preparation and of loading what it wrote."""
import shlex
from pathlib import Path
from typing import Sequence, Union

from ...shipped import tool_call


class PreparationError(RuntimeError):
    """Data cannot be prepared; the message says what to do."""


class PreparedDataError(RuntimeError):
    """A prepared file is missing or damaged.

    Args:
        path (str | Path): The file.
        problem (str): What is wrong with it.
        dataset (str): Name that ``tools/prepare_data.py`` knows.
        root (str | Path): Folder of the prepared data.
        arguments (Sequence[str]): What the tool takes besides. Defaults to
            ().
    """

    def __init__(self, path: Union[str, Path], problem: str, dataset: str,
                 root: Union[str, Path],
                 arguments: Sequence[str] = ()) -> None:
        self.path = Path(path)
        self.problem = f'{path} {problem}'
        super().__init__(f'{self.problem}. Mend it with '
                         f'{mend_command(dataset, root, arguments)}')

    def __reduce__(self):
        # A worker process hands it on with its message, not its arguments.
        return type(self).__new__, (type(self), *self.args), self.__dict__


def mend_command(dataset: str, root: Union[str, Path],
                 arguments: Sequence[str] = ()) -> str:
    """Command line that prepares a data set anew."""
    return ' '.join([
        tool_call('prepare_data'), dataset,
        *map(shlex.quote, [*arguments, '--out', str(root)])
    ])
