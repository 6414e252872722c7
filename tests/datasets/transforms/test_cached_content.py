"""Hashes of files: computed once, remembered, never believed wrongly."""
import hashlib
import json
import os
import shutil

import pytest

from mmbalance_plugin.datasets.cache import (
    CacheFolder,
    ContentHashes,
    content,
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'søren rex.bin'
    path.write_bytes(b'content')
    return str(path)


@pytest.fixture
def hashed(monkeypatch):
    """The files that were read in full, in order."""
    found, compute = [], content.sha256_file

    def sha256_file(path):
        found.append(os.path.basename(path))
        return compute(path)

    monkeypatch.setattr(content, 'sha256_file', sha256_file)
    return found


@pytest.fixture
def settled(monkeypatch):
    """As if files had been there for long."""
    monkeypatch.setattr(content, 'SETTLED', -10**12)


def fresh(tmp_path):
    """As in a new process."""
    content._memory.clear()
    return ContentHashes(CacheFolder(str(tmp_path / 'cache')))


def sha256(path):
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()


def notes(tmp_path):
    return list((tmp_path / 'cache').glob('hashes/*/*.json'))


def test_a_file_is_hashed_once_by_all_processes(path, tmp_path, hashed,
                                                settled):
    expected = sha256(path)
    hashes = fresh(tmp_path)
    for _ in range(3):
        assert hashes.content(path).sha256 == expected
    assert fresh(tmp_path).content(path).sha256 == expected
    assert len(hashed) == len(notes(tmp_path)) == 1


def test_a_file_that_changed_just_now_is_hashed_each_time(
        path, tmp_path, hashed, monkeypatch):
    assert content.SETTLED >= 10**9
    monkeypatch.setattr(content, 'SETTLED', 10**12)  # on slow machines, too
    hashes = fresh(tmp_path)
    for _ in range(3):
        found = hashes.content(path)
        assert not found.settled and hashes.unchanged(path, found)
    assert len(hashed) == 6 and not notes(tmp_path)


def test_a_touched_file_is_hashed_again(path, tmp_path, hashed, settled):
    hashes = fresh(tmp_path)
    first = hashes.content(path)
    os.utime(path, (1, 1))
    assert not hashes.unchanged(path, first)
    assert hashes.content(path).sha256 == first.sha256
    assert len(hashed) == 2 and len(notes(tmp_path)) == 1


def test_a_note_is_not_believed_after_a_change(path, tmp_path, settled):
    before = fresh(tmp_path).content(path)
    status = os.stat(path)
    while os.stat(path).st_ctime_ns == status.st_ctime_ns:
        with open(path, 'wb') as file:
            file.write(b'CONTENT')
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = fresh(tmp_path).content(path)
    assert before.status[:2] == after.status[:2]
    assert before.sha256 != after.sha256 == sha256(path)


def test_damaged_and_foreign_notes_are_replaced(path, tmp_path, hashed,
                                                settled):
    expected = fresh(tmp_path).content(path).sha256
    note, = notes(tmp_path)
    good = note.read_bytes()
    *about, _ = json.loads(good)
    other = tmp_path / 'other.bin'
    other.write_bytes(b'another')
    fresh(tmp_path).content(str(other))
    foreign, = set(notes(tmp_path)) - {note}
    for bad in (b'', good[:-9], b'\xff\0', b'7', b'[]', b'null',
                json.dumps([*about, 'g' * 64]).encode(),
                json.dumps([*about, '0' * 63]).encode(),
                json.dumps([*about, None]).encode(),
                json.dumps([about[0] + 'x', *about[1:], '0' * 64]).encode(),
                json.dumps([about[0], 1, *about[2:], '0' * 64]).encode(),
                foreign.read_bytes()):
        note.write_bytes(bad)
        hashed.clear()
        assert fresh(tmp_path).content(path).sha256 == expected, bad
        assert len(hashed) == 1 and note.read_bytes() == good
    shutil.rmtree(tmp_path / 'cache')
    assert fresh(tmp_path).content(path).sha256 == expected


def test_what_is_not_a_file_has_no_content(tmp_path, hashed):
    os.mkfifo(tmp_path / 'pipe')  # reading it would wait for ever
    for name in ('absent', '', 'pipe'):
        assert fresh(tmp_path).content(str(tmp_path / name)) is None
    assert not hashed


def test_a_file_that_changes_while_it_is_hashed_has_none(
        path, tmp_path, monkeypatch, settled):
    compute = content.sha256_file

    def sha256_file(path):
        found = compute(path)
        with open(path, 'ab') as file:
            file.write(b'!')
        return found

    monkeypatch.setattr(content, 'sha256_file', sha256_file)
    hashes = fresh(tmp_path)
    assert hashes.content(path) is None and not notes(tmp_path)
    monkeypatch.setattr(content, 'sha256_file', compute)
    assert hashes.content(path).sha256 == sha256(path)


def test_the_memory_has_an_end(tmp_path, hashed, settled, monkeypatch):
    monkeypatch.setattr(content, '_REMEMBERED', 3)
    hashes = fresh(tmp_path)
    for number in range(9):
        name = tmp_path / f'{number}'
        name.write_bytes(bytes([number]))
        assert hashes.content(str(name)).sha256 == sha256(name)
    assert len(content._memory) == 3
