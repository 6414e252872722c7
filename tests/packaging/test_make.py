"""What make does on a fresh machine, and where it cannot."""
import os
import subprocess
import sys

import pytest


def make(root, *args):
    # Not the flags of a make that may be running these tests.
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    return subprocess.run(['make', '-C', root, *args],
                          env=env,
                          capture_output=True,
                          text=True,
                          timeout=60)


@pytest.mark.parametrize('target, commands', [
    ('demo', ['pip install', 'tools/prepare_data.py',
              'tools/compare.py configs/joint_av_digits.py',
              'tools/diagnose.py configs/joint_av_digits.py']),
    ('test', ['pip install', 'ruff check', 'mypy', 'tools/prepare_data.py',
              "-m pytest -m 'not slow'"]),
    ('test-full', ['pip install', 'ruff check', '-m pytest']),
    ('docs', ['pip install', "'.[docs]'", 'docs/api.py']),
])
def test_targets(root, tmp_path, target, commands):
    """What each target does on a fresh machine, in this order."""
    done = make(root, '-n', target, f'VENV={tmp_path}/new')
    assert done.returncode == 0, done.stderr
    positions = [done.stdout.find(command) for command in commands]
    assert -1 not in positions
    assert positions == sorted(positions)


def test_missing_python_is_named(root, tmp_path):
    done = make(root, 'install', 'PYTHON=no-such-python',
                f'VENV={tmp_path}/new')
    assert done.returncode != 0
    assert 'no-such-python not found' in done.stderr


def test_old_python_is_refused(root, tmp_path):
    old = tmp_path / 'old-python'
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c '
                   '"import sys; sys.version_info = (3, 9, 1); '
                   'exec(sys.argv[1])" "$2"\n')
    old.chmod(0o755)
    done = make(root, 'install', f'PYTHON={old}', f'VENV={tmp_path}/new')
    assert done.returncode != 0
    assert 'Python 3.10 or newer is needed' in done.stderr
    assert 'is 3.9' in done.stderr
    assert not (tmp_path / 'new').exists()
