"""Many processes, kills, full disks and folders that cannot be written."""
import logging
import multiprocessing
import os
import resource
import signal
import threading
import time

import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

from mmbalance_plugin.datasets.cache import folder as cache_folder
from mmbalance_plugin.datasets.transforms import CachedTransforms
from mmbalance_plugin.registry import TRANSFORMS

FORK = multiprocessing.get_context('fork')
FILES = 6

pytestmark = pytest.mark.usefixtures('settled')


@TRANSFORMS.register_module()
class Blow(BaseTransform):
    """Stands for a decoder: makes a large array of a small file."""

    deterministic = True

    def transform(self, results):
        with open(results['filename'], 'rb') as file:
            seed = int.from_bytes(file.read(), 'little')
        results['array'] = np.random.default_rng(seed).integers(
            0, 255, (40, 100, 100, 3), np.uint8)
        results['seed'] = seed
        return results


class Files:
    """A data set of them, as a data loader takes it."""

    def __init__(self, paths, cache):
        self.paths, self.cache = paths, cache

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, number):
        return self.cache(dict(filename=self.paths[number]))['array']


@pytest.fixture
def files(tmp_path):
    paths = []
    for number in range(FILES):
        paths.append(str(tmp_path / f'{number}.bin'))
        with open(paths[-1], 'wb') as file:
            file.write(number.to_bytes(4, 'little'))
    return paths


@pytest.fixture
def root(tmp_path):
    return tmp_path / 'cache'


def build(root):
    return CachedTransforms(
        [dict(type='mmbalance_plugin.Blow')], ('array', 'seed'), str(root))


def expected(path):
    return Blow()(dict(filename=path))['array']


def fill(root, files):
    """Read all clips, check them, return how many entries were there."""
    cache = build(root)
    for path in files:
        assert np.array_equal(cache(dict(filename=path))['array'],
                              expected(path))
    return cache.hits


def partials(root):
    return list(root.glob(f'{cache_folder.PARTIAL}/*'))


def entries(root):
    return list(root.glob('*/*/*'))


def run(function, *args):
    """Call in a process of its own; returns its exit code."""
    process = FORK.Process(target=function, args=args)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def test_processes_that_fill_the_same_entries(root, files):
    count = 4
    barrier = FORK.Barrier(count)

    def work():
        cache = build(root)
        for path in files:
            barrier.wait(60)
            found = cache(dict(filename=path))['array']
            assert np.array_equal(found, expected(path))
            # A map of an entry that another process replaces stays whole.
            assert np.array_equal(cache(dict(filename=path))['array'], found)
        assert cache.hits >= FILES

    processes = [FORK.Process(target=work) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [p.exitcode for p in processes] == [0] * count
    assert len(entries(root)) == FILES and not partials(root)
    assert fill(root, files) == FILES


def test_workers_of_a_data_loader_share_a_cache(root, files):
    loader = DataLoader(
        Files(files, build(root)), batch_size=None, num_workers=2,
        multiprocessing_context='fork')
    for _ in range(2):
        for path, found in zip(files, loader):
            assert np.array_equal(found, expected(path))
    assert fill(root, files) == FILES


@pytest.mark.parametrize('moment', ['write', 'rename'])
def test_a_kill_while_an_entry_is_written(root, files, moment):
    """Half of the bytes are there, or all of them and not yet the name."""

    def work():
        if moment == 'rename':
            os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        else:
            encode = CachedTransforms.transform.__globals__['encode_entry']

            def half(*args):
                yield from encode(*args)[:2]
                yield bytes(1 << 20)
                os.kill(os.getpid(), signal.SIGKILL)

            CachedTransforms.transform.__globals__['encode_entry'] = half
            # Pieces are listed before they are written.
            cache_folder.list = lambda pieces: pieces
        build(root)(dict(filename=files[0]))

    os.makedirs(root)
    assert fill(root, files[1:2]) == 0
    assert run(work) == -signal.SIGKILL
    left, = partials(root)
    assert os.path.getsize(left) > 1000
    assert len(entries(root)) == 1
    # Nobody takes it for an entry; it goes once it is certainly abandoned.
    cache_folder._swept.clear()
    assert fill(root, files[:2]) == 1 and partials(root) == [left]
    assert fill(root, files[:2]) == 2
    past = time.time() - 2 * cache_folder.ABANDONED
    os.utime(left, (past, past))
    assert fill(root, files) == 2 and partials(root) == [left]
    cache_folder._swept.clear()  # a new process
    with open(files[0], 'wb') as file:
        file.write(b'other')
    assert fill(root, files) == FILES - 1 and not partials(root)


def test_kills_at_random_moments(root, files):
    rng = np.random.default_rng(0)

    def work():
        for _ in range(1000):
            fill(root, files)
            # All anew, under the eyes of whoever reads.
            for path in entries(root):
                os.truncate(path, 0) if rng.random() < .3 else path.unlink()

    for _ in range(8):
        process = FORK.Process(target=work)
        process.start()
        time.sleep(rng.uniform(.05, .3))
        process.kill()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        fill(root, files)
    assert fill(root, files) == FILES


@pytest.fixture
def warnings(monkeypatch):
    """What the current logger was told."""
    found = []
    logger = MMLogger.get_instance('mmengine', logger_name='cache')
    monkeypatch.setattr(
        logger, 'handle', lambda record: found.append(record))
    yield found
    cache_folder._unwritable.clear()


def the_warning(warnings):
    text, = [w.getMessage() for w in warnings
             if w.levelno >= logging.WARNING]
    return text


def test_a_full_disk(root, files, warnings):
    """By the limit on the size of a file, which is the same to us."""

    def work():
        limit = 1 << 16
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        cache = build(root)
        for path in [*files, *files]:
            assert np.array_equal(cache(dict(filename=path))['array'],
                                  expected(path))
        assert cache.misses == 2 * FILES
        text = the_warning(warnings)
        assert f'{root} cannot be written' in text and 'too large' in text

    assert run(work) == 0
    assert not entries(root) and not partials(root)
    # With room again, it is filled.
    assert fill(root, files) == 0 and fill(root, files) == FILES


def test_a_folder_that_is_only_read(root, files, warnings):
    fill(root, files[:3])
    for top, _, _ in os.walk(root):
        os.chmod(top, 0o555)

    def work():
        if os.geteuid() == 0:
            os.setuid(65534)  # nothing is read-only for root
        with pytest.raises(OSError):
            (root / 'x').write_bytes(b'')
        cache = build(root)
        for _ in range(2):
            for path in files:
                assert np.array_equal(cache(dict(filename=path))['array'],
                                      expected(path))
        # What is there is used.
        assert (cache.hits, cache.misses) == (6, 6)
        text = the_warning(warnings)
        assert f'{root} cannot be written' in text and 'denied' in text

    # Whoever root becomes must reach the folder.
    modes = {p: p.stat().st_mode for p in root.parents}
    shut = [p for p, mode in modes.items()
            if os.geteuid() == 0 and not mode & 0o001]
    try:
        for parent in shut:
            parent.chmod(modes[parent] | 0o055)
        assert run(work) == 0
    finally:
        for parent in shut:
            parent.chmod(modes[parent])
        for top, _, _ in os.walk(root):
            os.chmod(top, 0o755)


def test_a_folder_that_cannot_be(root, files, warnings):
    root.write_text('a file')
    cache = build(root)
    for path in files:
        cache(dict(filename=path))
    text = the_warning(warnings)
    assert str(root) in text and 'another folder' in text


def test_a_folder_that_is_deleted_meanwhile(root, files, warnings):
    cache = build(root)
    kept = [cache(dict(filename=path)) for path in files]
    kept = [cache(dict(filename=path)) for path in files]
    assert cache.hits == FILES
    stop = threading.Event()

    def delete():
        while not stop.is_set():
            for path in entries(root) + partials(root):
                path.unlink(missing_ok=True)
            for folder in [*root.glob('*/*'), *root.glob('*')]:
                try:
                    folder.rmdir()
                except OSError:
                    pass

    thread = threading.Thread(target=delete)
    thread.start()
    try:
        for path in files:
            assert np.array_equal(cache(dict(filename=path))['array'],
                                  expected(path))
    finally:
        stop.set()
        thread.join()
    for found, path in zip(kept, files):
        assert np.array_equal(found['array'], expected(path))
