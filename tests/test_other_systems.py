"""What macOS and Windows do otherwise, emulated where it can only be so."""
import ast
import errno
import os
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from torch.utils.data import DataLoader

from mmbalance_plugin.compat.last_checkpoint import pointer_to
from mmbalance_plugin.datasets.cache import CacheFolder
from mmbalance_plugin.datasets.cache import folder as cache_folder
from mmbalance_plugin.datasets.prepare.manifest import source_entry
from mmbalance_plugin.datasets.prepare.media_files import FileIndex
from mmbalance_plugin.engine.hooks.run_cost import RunCost
from mmbalance_plugin.engine.loops.seeding import seed_worker
from mmbalance_plugin.utils import memory
from mmbalance_plugin.utils.files import portable, write_atomic
from tests.datasets.av_clips import PIPELINE, build, write_clips
from tests.engine.toy_run import toy_runner

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / 'mmbalance_plugin').rglob('*.py'),
                  *(ROOT / 'tools').glob('*.py')])

# Of the standard library: what Windows, or macOS, does not have.
MODULES = {'curses', 'fcntl', 'grp', 'posix', 'pty', 'pwd', 'resource',
           'spwd', 'syslog', 'termios', 'tty'}
FUNCTIONS = {
    'chown', 'chroot', 'fork', 'forkpty', 'getegid', 'geteuid', 'getgid',
    'getloadavg', 'getpgid', 'getpriority', 'getuid', 'killpg', 'lchown',
    'mkfifo', 'mknod', 'nice', 'posix_fadvise', 'posix_fallocate',
    'posix_spawn', 'pread', 'preadv', 'pwrite', 'sched_getaffinity',
    'sched_setaffinity', 'sendfile', 'setpgid', 'setsid', 'setuid',
    'statvfs', 'sync', 'sysconf', 'uname', 'wait', 'waitpid',
    'SIGALRM', 'SIGHUP', 'SIGKILL', 'SIGUSR1', 'SIGUSR2', 'alarm',
    'sigwait', 'MADV_WILLNEED', 'MAP_SHARED', 'PROT_READ'
}


def unguarded(path: Path):
    """Uses, at import or without a look, of what not every system has."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    guarded = {id(node) for top in ast.walk(tree) if isinstance(top, ast.Try)
               for node in ast.walk(top)}
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or '']
        elif isinstance(node, ast.Attribute) and isinstance(
                node.value, ast.Name) and node.value.id in (
                    'os', 'signal', 'mmap'):
            names = [node.attr] if node.attr in FUNCTIONS else []
            yield from names
            continue
        else:
            continue
        yield from MODULES.intersection(n.split('.')[0] for n in names)


def test_nothing_is_used_that_not_every_system_has():
    found = {str(path.relative_to(ROOT)): list(unguarded(path))
             for path in SOURCES}
    assert len(found) > 100
    assert {path: names for path, names in found.items() if names} == {}


def usage(maxrss):
    return SimpleNamespace(
        RUSAGE_SELF=0, getrusage=lambda who: SimpleNamespace(ru_maxrss=maxrss))


@pytest.mark.parametrize('system, resource, expected', [
    ('linux', usage(3000), 3000 * 1024),  # kilobytes
    ('freebsd14', usage(3000), 3000 * 1024),
    ('darwin', usage(3000), 3000),  # bytes
    ('win32', None, 0),  # there is no such module
])
def test_peak_memory(monkeypatch, system, resource, expected):
    monkeypatch.setattr(memory, 'resource', resource)
    monkeypatch.setattr(memory.sys, 'platform', system)
    assert memory.peak_resident() == expected
    with mock.patch.object(torch.cuda, 'is_available', lambda: False):
        assert RunCost().peak == expected


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_peak_memory_of_this_system():
    status = Path('/proc/self/status').read_text(encoding='ascii')
    peak, = (int(line.split()[1]) for line in status.splitlines()
             if line.startswith('VmHWM'))
    assert memory.peak_resident() == pytest.approx(peak * 1024, rel=0.02)


@pytest.fixture
def only_writable(monkeypatch):
    """On Windows, flushing what was opened for reading is an error."""
    fcntl = pytest.importorskip('fcntl')
    fsync, flushed = os.fsync, []

    def windows_fsync(number):
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, 'Bad file descriptor')
        flushed.append(number)
        fsync(number)

    monkeypatch.setattr(os, 'fsync', windows_fsync)
    return flushed


def test_files_are_flushed_as_windows_does(tmp_path, only_writable):
    write_atomic(tmp_path / 'a', [b'x'])
    before = len(only_writable)
    assert before == 1
    hook = dict(type='mmbalance_plugin.AtomicCheckpointHook', save_best='acc',
                rule='greater')
    toy_runner(tmp_path / 'run', hook, [dict(acc=.5)], epochs=1).train()
    assert (tmp_path / 'run' / 'last_checkpoint').is_file()
    assert len(only_writable) > before


def test_a_cache_entry_that_another_process_reads(tmp_path, monkeypatch):
    """Windows does not replace it. It is there, which is what counts."""
    folder = CacheFolder(str(tmp_path / 'cache'))
    assert folder.write('ab/entry', [b'first'])
    replace = os.replace

    def windows_replace(source, target):
        if os.path.exists(target):
            raise PermissionError(errno.EACCES, 'Access is denied', target)
        replace(source, target)

    monkeypatch.setattr(os, 'replace', windows_replace)
    assert folder.write('ab/entry', [b'second'])
    assert folder.write('ab/other', [b'third'])
    assert folder.root not in cache_folder._unwritable
    with open(folder.path('ab/entry'), 'rb') as file:
        assert file.read() == b'first'
    assert not list(Path(folder.path('.partial')).iterdir())


@pytest.fixture
def backslashes(monkeypatch):
    """Paths that the system joins are those of Windows."""
    relpath = os.path.relpath
    monkeypatch.setattr(
        os.path, 'relpath', lambda *args: relpath(*args).replace('/', '\\'))
    monkeypatch.setattr(os, 'sep', '\\')


def test_written_paths_are_understood_everywhere(tmp_path, request):
    (tmp_path / 'clips' / 'train').mkdir(parents=True)
    (tmp_path / 'clips' / 'train' / 'a.mp4').touch()
    (tmp_path / 'run' / 'sub').mkdir(parents=True)
    request.getfixturevalue('backslashes')
    index = FileIndex(tmp_path / 'clips', ('.mp4', ), tmp_path)
    assert index.find('a') == 'clips/train/a.mp4'
    assert source_entry(tmp_path / 'clips' / 'train', tmp_path) == (
        'clips/train')
    assert pointer_to(str(tmp_path / 'run' / 'sub' / 'epoch_1.pth'),
                      str(tmp_path / 'run')) == 'sub/epoch_1.pth'
    assert portable('a\\b\\c.mp4') == 'a/b/c.mp4'


CACHED = [
    dict(type='mmbalance_plugin.CachedTransforms', transforms=PIPELINE[5:7],
         keys=['audios'], folder='unused'), *PIPELINE[:5], PIPELINE[7]]


@pytest.mark.parametrize('pipeline', [PIPELINE, CACHED])
def test_data_sets_go_to_started_processes(tmp_path, pipeline):
    """macOS and Windows start workers anew and send them the data set."""
    write_clips(tmp_path)
    text = 'path,label\nwhole.mp4,1\nwhole.mp4,0\n'
    if pipeline is CACHED:
        pipeline = [dict(CACHED[0], folder=str(tmp_path / 'cache')),
                    *CACHED[1:]]
    dataset = build(tmp_path, text, pipeline)
    received = pickle.loads(pickle.dumps(dataset))
    assert len(received) == 2
    for name, found in received[1]['inputs'].items():
        assert torch.equal(found, dataset[1]['inputs'][name])
    assert pickle.loads(pickle.dumps(seed_worker)) is seed_worker


@pytest.mark.slow
def test_workers_that_are_started_anew(tmp_path):
    write_clips(tmp_path)
    dataset = build(
        tmp_path, 'path,label\nwhole.mp4,1\nwhole.mp4,0\n', PIPELINE)
    with mock.patch.object(sys, 'path', [str(ROOT), *sys.path]):
        loader = DataLoader(
            dataset, batch_size=None, num_workers=1,
            multiprocessing_context='spawn', worker_init_fn=seed_worker)
        found = list(loader)
    assert [int(item['data_samples'].gt_label) for item in found] == [1, 0]
    assert torch.equal(found[0]['inputs']['audio'],
                       dataset[0]['inputs']['audio'])
