"""``mmbalance``: every tool by its name, from any folder."""
import ast
import re
import runpy
import sys
from pathlib import Path
from typing import Dict, List, Optional

from mmbalance_plugin.shipped import shipped_root

from .command import UsageError, command
from .near import near

# A tool is called by the first word of its file's name, or by all of them
# where several begin with it.
_USAGE = """usage: mmbalance COMMAND ...

commands:
{commands}
  list          methods and data sets, with their configs

mmbalance COMMAND --help says more. Configs are named as shipped
(udi_av_digits) or by their path."""


@command
def main() -> Optional[int]:
    """Run a tool as ``python tools/...py`` would, or list what there is.

    Returns:
        int: The tool's exit status; None for 0.

    Raises:
        UsageError: There is no such command.
    """
    tools = _tools()
    name = sys.argv[1] if len(sys.argv) > 1 else '--help'
    if name in ('-h', '--help'):
        print(_USAGE.format(commands='\n'.join(
            f'  {tool:13} {_summary(path)}' for tool, path in tools.items())))
    elif name == 'list':
        print(_listing())
    elif name in tools:
        sys.argv = [f'mmbalance {name}', *sys.argv[2:]]
        return runpy.run_path(str(tools[name]), run_name=name)['main']()
    else:
        meant = near(name, [*tools, 'list'])
        hint = f', did you mean {meant}?' if meant else ''
        raise UsageError(f'there is no command {name!r}{hint} (mmbalance '
                         '--help lists them)')
    return None


def _tools() -> Dict[str, Path]:
    files = sorted((shipped_root() / 'tools').glob('*.py'))
    first = [file.stem.split('_')[0] for file in files]
    return {word if first.count(word) == 1 else file.stem.replace('_', '-'):
            file for word, file in zip(first, files)}


def _summary(tool: Path) -> str:
    """First line of a tool's docstring."""
    text = ast.get_docstring(ast.parse(tool.read_text(encoding='utf-8')))
    return (text or '').split('\n')[0]


def _listing() -> str:
    """Methods with what they do and the sets they have configs for."""
    configs = shipped_root() / 'configs'
    sets = sorted((file.stem for file in (configs / '_base_/sets').glob(
        '*.py')), key=len, reverse=True)
    found: Dict[str, List[str]] = {}
    words: Dict[str, str] = {}
    for file in sorted(configs.glob('*.py')):
        name = next((s for s in sets if file.stem.endswith(f'_{s}')), None)
        if name:
            method = file.stem[:-len(name) - 1]
            found.setdefault(method, []).append(name)
            words.setdefault(method, _about(file))
    lines = ['A config is METHOD_SET: mmbalance train udi_av_digits', '']
    for method, on in found.items():
        lines += [method, f'    {words[method]}', f'    {" ".join(on)}']
    return '\n'.join(lines)


def _about(config: Path) -> str:
    """What a config's head says of it, without the command."""
    head = re.match(r'(#.*\n)+', config.read_text(encoding='utf-8'))
    lines = [line[1:].strip() for line in head[0].splitlines()] if head else []
    return ' '.join(line for line in lines
                    if line and not line.startswith('python'))
