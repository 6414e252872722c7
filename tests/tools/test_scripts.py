import os
import subprocess

import pytest


def run(root, *args, path=None, **env):
    if path is not None:
        env['PATH'] = os.pathsep.join([str(path), os.environ['PATH']])
    return subprocess.run([*map(str, args)],
                          cwd=root,
                          env={
                              **os.environ,
                              **env
                          },
                          capture_output=True,
                          text=True,
                          timeout=60)


@pytest.fixture
def echo(tmp_path):
    """A command that prints its arguments, one a line."""

    def make(name):
        file = tmp_path / name
        file.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        file.chmod(0o755)
        return file

    return make


@pytest.mark.parametrize('name', [
    'dist_train.sh', 'dist_test.sh', 'slurm_train.sh'
])
def test_usage(root, name):
    done = run(root, 'bash', f'tools/{name}')
    assert done.returncode == 2
    assert f'usage: bash tools/{name} ' in done.stderr


def test_dist_train(root, echo):
    done = run(
        root, 'bash', 'tools/dist_train.sh', 'a b.py', 3, '--seed', 1,
        PYTHON=str(echo('python')), PORT='1234')
    words = done.stdout.splitlines()
    assert words[:2] == ['-m', 'mmbalance_plugin.cli.torchrun']
    assert {'--nproc_per_node=3', '--master_port=1234', '--nnodes=1'} \
        <= set(words)
    assert words[-6:] == [
        'tools/train.py', 'a b.py', '--launcher', 'pytorch', '--seed', '1'
    ]


def test_dist_test(root, echo):
    done = run(
        root, 'bash', 'tools/dist_test.sh', 'a.py', 'b.pth', 2, '--dump',
        'c.pkl', PYTHON=str(echo('python')))
    assert done.stdout.splitlines()[-7:] == [
        'tools/test.py', 'a.py', 'b.pth', '--launcher', 'pytorch', '--dump',
        'c.pkl'
    ]


def test_slurm_train(root, echo, tmp_path):
    echo('srun')
    done = run(
        root, 'bash', 'tools/slurm_train.sh', 'video', 'udi', 'a.py',
        '--amp', path=tmp_path, GPUS='4', SRUN_ARGS='--quotatype=auto -x n1')
    words = done.stdout.splitlines()
    assert {'--gres=gpu:4', '--ntasks=4', '--ntasks-per-node=4',
            '--quotatype=auto', '-x', 'n1'} <= set(words)
    assert words[-5:] == [
        'tools/train.py', 'a.py', '--launcher', 'slurm', '--amp'
    ]
