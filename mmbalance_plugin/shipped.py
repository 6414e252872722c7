"""Files that the package ships beside its modules: configs and tools."""
import difflib
import sys
from pathlib import Path


def shipped_root() -> Path:
    """Folder that holds ``configs/`` and ``tools/``.

    Returns:
        Path: ``mmbalance_plugin/.mim`` of an installed wheel, the checkout
        of an editable install.
    """
    package = Path(__file__).resolve().parent
    mim = package / '.mim'
    return mim if mim.is_dir() else package.parent


def tool_call(tool: str) -> str:
    """How the user calls a tool, the way the running one was called.

    Args:
        tool (str): Its file in ``tools/``, without the ending.
    """
    if (sys.argv[0].startswith('mmbalance ')
            or shipped_root().name == '.mim'):
        return f'mmbalance {tool.split("_")[0]}'
    return f'python tools/{tool}.py'


def find_config(name: str, shipped: bool = False) -> Path:
    """Find a config file.

    Args:
        name (str): A path, relative to the current folder or to where the
            package keeps its own (``configs/udi_av_digits.py``), or the
            bare name of a shipped config (``udi_av_digits``).
        shipped (bool): Look among the package's own configs only. Defaults
            to False.

    Returns:
        Path: An existing file.

    Raises:
        FileNotFoundError: Naming the file, and shipped configs whose names
            come close.
    """
    configs = shipped_root() / 'configs'
    path = Path(name).expanduser()
    tried = [shipped_root() / path, configs / path]
    if not shipped:
        tried.insert(0, path)
    if path.suffix == '':
        tried.append(configs / f'{path}.py')
    for candidate in tried:
        if candidate.is_file():
            return candidate
    names = sorted(
        file.relative_to(configs).with_suffix('').as_posix()
        for folder in ('', 'ablations', 'backbones')
        for file in (configs / folder).glob('*.py'))
    close = difflib.get_close_matches(path.stem, names, n=3)
    hint = f"; did you mean {', '.join(close)}?" if close else ''
    where = '' if shipped else ', neither here nor'
    raise FileNotFoundError(
        f'there is no config {name!r}{where} among those of the '
        f'package{hint}')
