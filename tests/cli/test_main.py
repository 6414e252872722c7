"""The one command, from a folder that has nothing in it."""
import os
import re
import subprocess
import sys

import pytest


@pytest.fixture
def mmbalance(root, tmp_path):

    def run(*args):
        return subprocess.run(
            [sys.executable, '-m', 'mmbalance_plugin', *args],
            cwd=tmp_path, capture_output=True, text=True,
            env=dict(os.environ, PYTHONPATH=str(root)))

    return run


def test_help_names_every_tool(mmbalance, root):
    done = mmbalance()
    assert done.returncode == 0
    named = {line.split()[0] for line in done.stdout.splitlines()
             if line.startswith('  ')}
    tools = [file.stem for file in (root / 'tools').glob('*.py')]
    assert len(named) == len(tools) + 1
    assert {'train', 'test', 'infer', 'prepare', 'compare', 'diagnose',
            'report', 'convert', 'plot-curves', 'plot-features', 'plot-sweep',
            'list'} <= named


def test_list_names_every_config_of_a_method(mmbalance, root):
    lines = mmbalance('list').stdout.splitlines()
    row = lines.index('mmpareto')
    assert 'without conflict' in lines[row + 1]
    shipped = {file.stem[len('mmpareto_'):]
               for file in (root / 'configs').glob('mmpareto_*.py')}
    assert set(lines[row + 2].split()) == shipped


def test_a_tool_is_called_as_it_was_typed(mmbalance):
    assert mmbalance('train', '--help').stdout.startswith(
        'usage: mmbalance train ')


def test_a_tool_that_is_to_follow_is_called_the_same_way(mmbalance):
    done = mmbalance('report', 'nowhere')
    assert 'below nowhere: mmbalance compare CONFIG...' in done.stderr


def test_who_has_read_enough_ends_it_quietly(root, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, '-m', 'mmbalance_plugin', 'list'], cwd=tmp_path,
        stdout=writer, stderr=subprocess.PIPE, text=True,
        env=dict(os.environ, PYTHONPATH=str(root)))
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, '')


@pytest.mark.parametrize('args, line', [
    (('trian', ), "there is no command 'trian', did you mean train?"),
    (('train', 'udi_av_digit'), 'did you mean udi_av_digits'),
    (('train', 'udi_static_av_digits'),
     'did you mean ablations/udi_static_av_digits'),
])
def test_a_mistake_is_one_line(mmbalance, args, line):
    done = mmbalance(*args)
    assert done.returncode == 2
    assert line in done.stderr and done.stderr.count('\n') == 1


def test_nothing_below_imports_the_command_line(root):
    package = root / 'mmbalance_plugin'
    for file in package.rglob('*.py'):
        if file.parent.name != 'cli' and file.name != '__main__.py':
            text = file.read_text(encoding='utf-8')
            assert not re.search(
                r'(from|import) (mmbalance_plugin|\.+)\.?cli\b', text), file
