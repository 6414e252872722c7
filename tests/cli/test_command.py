"""How tools end: one line, or a traceback, and an exit status."""
import errno
import os
import sys
from unittest import mock

import pytest
import torch
import torch.distributed as dist
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Dataset

import mmbalance_plugin.registry  # noqa: F401
from mmbalance_plugin.cli.command import Interrupted, UsageError, command
from mmbalance_plugin.datasets.av_annotation import AnnotationError
from mmbalance_plugin.datasets.prepare.errors import PreparedDataError
from mmbalance_plugin.functional import discrepancy_ratios
from mmbalance_plugin.media import MediaError


class Broken(Dataset):
    """Its one clip cannot be read."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise MediaError('a b.mp4', 'no such file')


def from_a_worker():
    list(DataLoader(Broken(), num_workers=1))


def read_only():
    raise PermissionError(errno.EACCES, 'Permission denied', '/runs/x')


def prepared():
    raise PreparedDataError('d/x.npy', 'is missing', 'av_digits', 'd')


def annotation():
    raise AnnotationError('list.csv, line 3: no label')


def not_registered():
    MODELS.build(dict(type='mmbalance_plugin.ConcatHed'))


def not_installed():
    MODELS.build(dict(type='no_such_package.Net'))


def broken_package():
    import no_such_module  # noqa: F401


def default_scope_not_installed():
    DefaultScope.get_instance('test', scope_name='no_such_package')
    MODELS.build(dict(type='Net'))


def unknown_argument():
    MODELS.build(dict(type='mmbalance_plugin.MLPBackbone', channel=3))


def said_by_the_toolkit():
    Runner.test(mock.Mock(_test_loop=None))


def said_by_this_package():
    discrepancy_ratios({})


@pytest.fixture
def end(monkeypatch, capsys):
    """End a tool with an exception: exit status and standard error."""

    def end(function, *argv):
        monkeypatch.setattr(sys, 'argv', ['tool.py', *argv])
        with pytest.raises(SystemExit) as stopped:
            command(function)()
        return stopped.value.code, capsys.readouterr().err

    return end


@pytest.mark.parametrize('function, line', [
    (annotation, 'list.csv, line 3: no label'),
    (prepared, 'd/x.npy is missing. Mend it with python '
     'tools/prepare_data.py av_digits --out d'),
    (from_a_worker, 'a b.mp4: no such file'),
    (read_only, '/runs/x: Permission denied'),
    (not_registered, 'mmbalance_plugin.ConcatHed is not in the '),
    (not_installed, 'no_such_package.Net cannot be built: no_such_package '
     'is not installed'),
    (default_scope_not_installed, 'Net cannot be built: no_such_package is '
     'not installed'),
    (said_by_the_toolkit, '`self._test_loop` should not be None when '),
    (broken_package, "an import failed: No module named 'no_such_module'"),
    (unknown_argument, 'MLPBackbone.__init__() got an unexpected keyword '
     "argument 'channel'"),
    (said_by_this_package, None),
])
def test_mistakes_of_a_user_are_one_line(end, function, line):
    status, told = end(function)
    assert status == 2
    assert told.count('\n') == 1
    assert told.startswith(f'error: {line or ""}')
    status, told = end(function, '--verbose')
    assert status == 2
    assert told.startswith('Traceback')
    assert told.splitlines()[-1].startswith(f'error: {line or ""}')


def fault_of_ours():
    return torch.zeros(1)[3]


def fault_in_torch():
    torch.zeros(2) @ torch.zeros(3)


def wrong_sum():
    int('x')


@pytest.mark.parametrize('function, error', [
    (fault_of_ours, IndexError), (fault_in_torch, RuntimeError),
    (wrong_sum, ValueError)
])
def test_faults_keep_their_traceback(function, error):
    with pytest.raises(error):
        command(function)()


def test_ctrl_c(end):

    def pressed():
        raise KeyboardInterrupt

    def pressed_in_training():
        raise Interrupted('go on so')

    assert end(pressed) == (130, 'interrupted\n')
    assert end(pressed_in_training) == (130, 'interrupted: go on so\n')


def test_status_of_a_tool_that_ends_well(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['tool.py'])
    assert command(lambda: 1)() == 1
    assert command(lambda: None)() is None


def test_threads_that_wait_sleep_unless_told_otherwise(monkeypatch):
    policy = command(lambda: os.environ['OMP_WAIT_POLICY'])
    monkeypatch.setenv('OMP_WAIT_POLICY', 'ACTIVE')
    assert policy() == 'ACTIVE'
    monkeypatch.delenv('OMP_WAIT_POLICY')
    assert policy() == 'PASSIVE'


def test_the_log_file_has_the_last_word_too(end, tmp_path):
    log = tmp_path / 'run.log'
    MMLogger.get_instance('run', log_file=str(log))
    _, told = end(annotation)
    assert told.count('list.csv') == 1
    assert 'error: list.csv, line 3: no label' in log.read_text()
    assert 'in annotation' in log.read_text()  # the traceback, too


def fail():
    raise UsageError('the same everywhere')


def test_before_processes_connect_one_of_each_machine_speaks(
        end, monkeypatch):
    monkeypatch.setenv('LOCAL_RANK', '1')
    assert end(fail) == (2, '')
    monkeypatch.setenv('LOCAL_RANK', '0')
    assert end(fail) == (2, 'error: the same everywhere\n')


def test_connected_processes_say_the_same_thing_once(end, monkeypatch):
    dist.init_process_group(
        'gloo', store=dist.HashStore(), rank=0, world_size=1)
    # Whoever is first speaks, whatever its rank; of another thing, too.
    monkeypatch.setenv('LOCAL_RANK', '1')
    assert end(fail) == (2, 'error: the same everywhere\n')
    assert end(fail) == (2, '')
    assert end(annotation) == (2, 'error: list.csv, line 3: no label\n')
