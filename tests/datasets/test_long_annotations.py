"""Long lists of clips: what is read, kept and looked at, and how often."""
import os
import tracemalloc

import pytest

from mmbalance_plugin.datasets import (
    AudioVisualDataset,
    audio_visual_dataset,
    header_notes,
)
from mmbalance_plugin.datasets.av_annotation import Row, read_annotation
from mmbalance_plugin.media import MediaReader
from tests.media_utils import tone, write_clip


@pytest.fixture
def opened(monkeypatch):
    """Names of the files that were opened to read their headers."""
    names = []

    class Watched(MediaReader):

        def __init__(self, path, *args, **kwargs):
            names.append(os.path.basename(path))
            super().__init__(path, *args, **kwargs)

    monkeypatch.setattr(header_notes, 'MediaReader', Watched)
    return names


@pytest.fixture
def clips(tmp_path):
    """One whole clip in two rows, one without sound, one damaged."""
    write_clip(tmp_path / 'whole.mp4', frames=5, sound=tone(.5))
    write_clip(tmp_path / 'mute.mp4', frames=5)
    (tmp_path / 'broken.mp4').write_bytes(b'no film' * 99)
    (tmp_path / 'a.csv').write_text(
        'path,label,start\nwhole.mp4,0,\nmute.mp4,1,\nbroken.mp4,1,\n'
        'whole.mp4,0,.1\n')
    return tmp_path


def build(folder, **kwargs):
    return AudioVisualDataset(
        str(folder / 'a.csv'), [], data_prefix=dict(video=str(folder)),
        **kwargs)


def skipped(folder, **kwargs):
    dataset = build(folder, missing='skip', **kwargs)
    assert len(dataset) + len(dataset.skipped) == 4
    return {os.path.basename(p): reason for p, reason in dataset.skipped}


def test_headers_are_read_once_for_all_rows_streams_and_runs(clips, opened):
    first = skipped(clips)
    assert sorted(first) == ['broken.mp4', 'mute.mp4']
    assert 'no sound' in first['mute.mp4']
    assert opened == ['whole.mp4', 'mute.mp4', 'broken.mp4']
    opened.clear()
    # Damage may have been a bad moment of the disk: it is looked at again.
    assert skipped(clips) == first and opened == ['broken.mp4']


def test_a_file_that_changed_is_read_again(clips, opened):
    skipped(clips)
    write_clip(clips / 'mute.mp4', frames=5, sound=tone(.5))
    opened.clear()
    assert list(skipped(clips)) == ['broken.mp4']
    assert sorted(opened) == ['broken.mp4', 'mute.mp4']
    status = os.stat(clips / 'whole.mp4')
    os.utime(clips / 'whole.mp4', ns=(0, status.st_mtime_ns + 1))
    opened.clear()
    skipped(clips)
    assert sorted(opened) == ['broken.mp4', 'whole.mp4']


def test_a_stream_that_nobody_asked_for_is_looked_up(clips, opened):
    assert list(skipped(clips, streams=('video', ))) == ['broken.mp4']
    opened.clear()
    assert sorted(skipped(clips)) == ['broken.mp4', 'mute.mp4']
    assert sorted(opened) == ['broken.mp4', 'mute.mp4', 'whole.mp4']


@pytest.mark.parametrize('content', [
    'no json', '[]', '{"version": 0, "av": "1", "files": {}}', '{}'])
def test_notes_that_mean_nothing_here_are_written_anew(clips, opened,
                                                       content):
    notes = clips / 'a.csv.headers.json'
    notes.write_text(content)
    skipped(clips)
    opened.clear()
    skipped(clips)
    assert opened == ['broken.mp4']


def test_a_folder_that_cannot_be_written_to_costs_only_time(
        clips, opened, monkeypatch):

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(header_notes.os, 'replace', refuse)
    first = skipped(clips)
    assert skipped(clips) == first and len(opened) == 6
    assert sorted(p.suffix for p in clips.iterdir()) == [
        '.csv', '.mp4', '.mp4', '.mp4']


def test_each_file_is_looked_at_once(clips, monkeypatch):
    looked_at, original = [], audio_visual_dataset.unreadable
    monkeypatch.setattr(
        audio_visual_dataset, 'unreadable',
        lambda path: looked_at.append(path) or original(path))
    assert len(build(clips)) == 4
    assert sorted(map(os.path.basename, looked_at)) == [
        'broken.mp4', 'mute.mp4', 'whole.mp4']


def long_list(folder, rows):
    (folder / 'clip.mp4').write_bytes(b'x' * 2000)
    (folder / 'a.csv').write_text('path,label,start,end,speaker\n' + ''.join(
        f'clip.mp4,{i % 7},{i},{i + 10},speaker {i % 9}\n'
        for i in range(rows)))


def test_rows_come_one_by_one(tmp_path):
    long_list(tmp_path, 3)
    rows, _ = read_annotation(str(tmp_path / 'a.csv'))
    first = next(rows)
    assert first == Row(f'{tmp_path}/a.csv, line 2', 'clip.mp4', 'clip.mp4',
                        '0', 0., 10., dict(speaker='speaker 0'))
    assert len(list(rows)) == 2


def test_memory_of_a_long_list(tmp_path):
    rows = 5000
    long_list(tmp_path, rows)
    build(tmp_path)  # what is imported and kept for all of them
    tracemalloc.start()
    try:
        dataset = build(tmp_path)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(dataset) == rows
    assert dataset[rows - 1]['speaker'] == f'speaker {(rows - 1) % 9}'
    # Bytes a clip: a name, a few numbers, and Python's dict while it loads.
    assert kept / rows < 260 and peak / rows < 700, (kept / rows, peak / rows)


def test_packing_keeps_the_order_and_frees_the_list(tmp_path):
    long_list(tmp_path, 5)
    dataset = build(tmp_path)
    assert dataset.data_list == []
    assert [dataset[i]['start'] for i in (0, 4, -1)] == [0., 4., 4.]
    assert len(dataset.get_subset([3, 1])) == 2
    assert dataset.get_subset([3, 1])[0]['start'] == 3.
