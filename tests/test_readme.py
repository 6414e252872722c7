"""The README's commands, run with fewer samples and epochs."""
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / 'README.md').read_text()
SHORT = [
    '--cfg-options', 'train_cfg.max_epochs=1',
    'train_dataloader.dataset.indices=128', 'val_dataloader.dataset.indices='
    '64', 'test_dataloader.dataset.indices=64'
]


def commands():
    """Lines of the README's bash blocks, without comments."""
    blocks = re.findall(r'```bash\n(.*?)```', README, re.DOTALL)
    lines = [line.split('  #')[0].strip() for b in blocks
             for line in b.splitlines()]
    return [line for line in lines if line]


def test_every_command_is_of_a_kind_that_something_executes():
    for line in commands():
        # make and pip: .ci/run and the Makefile; prepare_data: make test.
        assert re.match(r'(make (demo|test)|pip install -e |'
                        r'python tools/\w+\.py |bash tools/dist_train.sh )',
                        line), line


def rows(page, head):
    """Cells of the table that begins with a line, by row and column."""
    lines = page[page.index(head):].split('\n\n')[0].splitlines()
    names, _, *found = [line[2:-2].split(' | ') for line in lines]
    return {row[0]: dict(zip(names, row)) for row in found}


def test_the_numbers_of_the_first_screen_are_those_of_the_results():
    page = (ROOT / 'docs/results.md').read_text()
    results = rows(page, '| method | av_d')
    noise = {}
    for method, cells in re.findall(r'^\| (\w+) fou=4.0 \| (.*) \|$', page,
                                    re.MULTILINE):
        noise.setdefault(method, []).extend(cells.split(' | '))
    shown = rows(README, '| test accuracy |')
    assert len(shown) > 5
    for method, row in shown.items():
        _, *numbers, noisy = row.values()
        # Joint training's is a score, the others' are differences.
        found = noise.get(method, [''])
        if noisy.startswith('**'):
            assert 'within noise' not in found, method
        assert any(cell.split(' ±')[0] == noisy.strip('*')
                   for cell in found), method
        assert numbers == [results[method][name] for name in (
            'av_digits', 'multiple_features', 'mnist_halves')], method


def prose(page):
    """A page without its code."""
    return re.sub(r'```.*?```', '', page.read_text(), flags=re.DOTALL)


def anchors(page):
    """What GitHub lets one link to in a page."""
    return {
        re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-')
        for title in re.findall(r'^#+ (.*)$', prose(page), re.MULTILINE)
    }


@pytest.mark.parametrize('page', ['README.md', 'CHANGELOG.md',
                                  'CONTRIBUTING.md', *(
    str(path.relative_to(ROOT))
    for path in sorted((ROOT / 'docs').rglob('*.md')))])
def test_links_lead_somewhere(page):
    page = ROOT / page
    for target in re.findall(r'\]\(([^)]+)\)', prose(page)):
        if '://' not in target:
            path, _, anchor = target.partition('#')
            path = (page.parent / path) if path else page
            assert path.exists(), target
            assert not anchor or anchor in anchors(path), target


@pytest.mark.slow
def test_the_tools_commands_run_in_the_order_of_the_page(tmp_path):
    for name in ('configs', 'tools', 'data'):
        (tmp_path / name).symlink_to(ROOT / name)
    for line in commands():
        # Those on clips: tests/tools/test_media_end_to_end.py; the converter:
        # tests/apis/test_converter.py.
        if (' tools/' not in line or 'prepare_data' in line
                or 'crema_d' in line or 'convert.py' in line):
            continue
        words = shlex.split(line)
        words[0] = sys.executable if words[0] == 'python' else words[0]
        words += SHORT
        path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
        done = subprocess.run(words, cwd=tmp_path, capture_output=True,
                              text=True, timeout=600,
                              env={**os.environ, 'PATH': path})
        assert done.returncode == 0, (line, done.stdout[-2000:],
                                      done.stderr[-2000:])
    assert '| udi | 3 |' in done.stdout
