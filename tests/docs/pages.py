"""Pages of the docs, and the tools that they call."""
import importlib.util
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tool(name):
    spec = importlib.util.spec_from_file_location(
        f'tools_{name}', ROOT / f'tools/{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text(page):
    return (ROOT / f'docs/{page}.md').read_text(encoding='utf-8')


def commands(page, name):
    """Calls of a tool in a page, in a line of text or a block."""
    found = re.findall(rf'python tools/{name}\.py[^`]*?(?=\npython|\n*`)',
                       text(page))
    return [' '.join(c.replace('\\\n', ' ').split()) for c in found]


def expanded(command, folder):
    """Its words, as bash expands them in a folder."""
    done = subprocess.run(
        ['bash', '-c', 'printf "%s\\n" ' + command.split(' ', 1)[1]],
        cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[1:]
