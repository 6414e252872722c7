"""What an entry of the cache belongs to: a file, settings, versions."""
import importlib
import os
import shutil
import sys

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.registry import init_default_scope

from mmbalance_plugin import media
from mmbalance_plugin.datasets.cache import canonical, file_state, settings
from mmbalance_plugin.datasets.transforms import (
    CachedTransforms,
    StackFrames,
    cached,
)
from mmbalance_plugin.registry import TRANSFORMS
from tests.media_utils import tone, write_clip

DECODE = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(type='mmbalance_plugin.SampleAtRate'),
    dict(type='mmbalance_plugin.PyAVVideoDecode'),
    dict(type='mmbalance_plugin.StackFrames')
]
FRAMES = ('array', 'total_frames')
COUNT = dict(type='mmbalance_plugin.CountBytes')


@TRANSFORMS.register_module()
class CountBytes(BaseTransform):
    """Stands for a slow transform: the number of bytes, or a column's."""

    deterministic = True
    on_read = None

    def __init__(self, column=None, weight=1, function=max):
        self.column, self.weight = column, weight

    def transform(self, results):
        count = 0
        if results['filename']:
            with open(results['filename'], 'rb') as file:
                count = sum(file.read())
        if CountBytes.on_read is not None:
            CountBytes.on_read()
        if self.column:
            count = count + results[self.column]
        results['count'] = self.weight * count
        return results


@pytest.fixture(autouse=True)
def scope(settled):
    init_default_scope('mmaction')
    yield
    CountBytes.on_read = None


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'a file.bin'
    path.write_bytes(b'content')
    return path


def counter(tmp_path, transform=COUNT, **kwargs):
    return CachedTransforms(
        [transform], ('count', ), str(tmp_path / 'cache'), **kwargs)


def count(cache, path, **kwargs):
    return cache(dict(filename=str(path), **kwargs))['count']


def test_a_file_is_found_by_any_of_its_names(path, tmp_path):
    cache = counter(tmp_path)
    expected = count(cache, path)
    (tmp_path / 'link').symlink_to(path)
    for name in (path, tmp_path / 'link', os.path.relpath(path)):
        assert count(cache, name) == expected
    assert (cache.hits, cache.misses) == (3, 1)


def test_moved_copied_and_touched_files_are_decoded_anew(path, tmp_path):
    """The price of a key that reads no bytes: time, never a wrong sample."""
    cache = counter(tmp_path)
    expected = count(cache, path)
    path = path.rename(tmp_path / 'søren, moved.bin')
    shutil.copy(path, tmp_path / 'copy.bin')
    assert count(cache, path) == count(
        cache, tmp_path / 'copy.bin') == expected
    os.utime(path, (1, 1))
    assert count(cache, path) == expected
    assert (cache.hits, cache.misses) == (0, 4)


def test_segments_of_a_clip_are_entries_of_their_own(tmp_path):
    cache = CachedTransforms(DECODE, FRAMES, str(tmp_path / 'cache'))
    clip = write_clip(tmp_path / 'clip.mp4', 12, 10, sound=tone(1.2))

    def frames(**kwargs):
        return cache(dict(filename=str(clip), **kwargs))['total_frames']

    assert frames() == 12
    assert frames(start=.3) == 9 and cache.misses == 2
    assert frames(start=.3, end=.5) == 2 and cache.misses == 3
    assert frames(start=.3) == 9 and cache.hits == 1


def test_other_bytes_under_the_same_name_are_noticed(path, tmp_path):
    """Even of the same size and with the time set back."""
    cache = counter(tmp_path)
    first = count(cache, path)
    status = os.stat(path)
    path.write_bytes(b'Content')
    while os.stat(path).st_ctime_ns == status.st_ctime_ns:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert os.stat(path).st_mtime_ns == status.st_mtime_ns
    assert count(cache, path) == first + ord('C') - ord('c')
    assert cache.misses == 2


def test_a_link_that_leads_elsewhere_is_another_file(path, tmp_path):
    cache, other, link = counter(tmp_path), tmp_path / 'b', tmp_path / 'link'
    other.write_bytes(b'another')
    link.symlink_to(path)
    before = count(cache, link)
    link.unlink()
    link.symlink_to(other)
    assert count(cache, link) == count(CountBytes(), other) != before


def test_a_file_that_has_just_changed_is_not_cached(
        path, tmp_path, monkeypatch):
    """Its times may not show another change at once."""
    monkeypatch.setattr(file_state, 'SETTLED', 10**12)  # slow machines, too
    cache = counter(tmp_path)
    for _ in range(2):
        count(cache, path)
    assert (cache.hits, cache.misses) == (0, 2)
    assert not os.path.exists(tmp_path / 'cache')


def test_a_file_that_changes_while_it_is_decoded_is_not_cached(
        path, tmp_path):
    cache = counter(tmp_path)
    before = count(CountBytes(), path)
    # Decoded are the old bytes, and the new ones are there afterwards.
    CountBytes.on_read = lambda: path.write_bytes(b'changed!')
    assert count(cache, path) == before
    assert not os.path.exists(tmp_path / 'cache')


def test_equal_settings_share_entries(tmp_path):
    def place(*transforms, keys=('array', 'total_frames'), **kwargs):
        return CachedTransforms(
            list(transforms), keys, str(tmp_path), **kwargs).place

    resize = dict(type='Resize', scale=(-1, 32), interpolation='bilinear')
    same = [
        dict(interpolation='bilinear', scale=(-1, 32), type='Resize'),
        dict(type='mmaction.Resize', scale=(-1, 32),
             interpolation='bilinear'),
        dict(type='Resize', scale=(np.int64(-1), np.int64(32)),
             interpolation='bilinear')
    ]
    for other in same:
        assert place(other) == place(resize)
    assert place(resize, keys=('total_frames', 'array')) == place(resize)
    assert place(resize, sources=('filename', 'audio_path')) == place(
        resize, sources=('audio_path', 'filename'))
    others = [
        place(dict(type='Resize', scale=(-1, 33))),
        place(dict(type='Resize', scale=(-1, 32), interpolation='nearest')),
        place(resize, resize),
        place(resize, keys=('array', )),
        place(resize, sources=('filename', )),
        place(resize, depends=('label', )),
        place(dict(type=StackFrames)),
        place()
    ]
    assert len({place(resize), *others}) == len(others) + 1
    assert place(dict(type=StackFrames)) == place(
        dict(type='mmbalance_plugin.StackFrames'))


def test_the_scope_decides_which_class_a_name_means(tmp_path):
    def place():
        return CachedTransforms(
            [dict(type='Resize', scale=(8, 8))], ('img', ),
            str(tmp_path)).place

    mmaction = place()
    init_default_scope('mmcv')
    assert place() != mmaction


@pytest.mark.parametrize('transform', [
    CountBytes(),
    dict(COUNT, function=max),
    dict(COUNT, weight=[1, object()]),
    dict(COUNT, column=CountBytes()),
])
def test_objects_that_cannot_be_recognised_are_refused(tmp_path, transform):
    with pytest.raises(TypeError, match=r'transforms\[0\].*next run'):
        counter(tmp_path, transform)


@pytest.mark.parametrize('value, other', [
    (dict(a=1, b=[2, 3]), dict(a=1, b=[2])),
    (dict(a=dict(name='x')), dict(a=['name', 'x'])),
    (1, '1'), (1, True), (0, None),
    (np.arange(3), np.arange(4)), (np.zeros(3), np.zeros(3, np.float32)),
    (np.zeros((2, 3)), np.zeros((3, 2))),
    (torch.ones(2), torch.zeros(2)), (float('inf'), float('nan'))])
def test_values_are_told_apart(value, other):
    assert repr(canonical(value, 'x')) == repr(canonical(value, 'x'))
    assert repr(canonical(value, 'x')) != repr(canonical(other, 'x'))


def test_other_versions_are_other_entries(path, tmp_path, monkeypatch):
    found = cached.versions()
    assert {'av', 'libavcodec', 'cv2', 'torch', 'torchaudio', 'mmaction2',
            'mmbalance_plugin'} <= set(found)
    cache = counter(tmp_path)
    count(cache, path)
    monkeypatch.setattr(cached, 'versions',
                        lambda: dict(found, libavcodec='0.0.0'))
    later = counter(tmp_path)
    count(later, path)
    assert later.misses == 1 and later.place != cache.place
    # The folder says what is what.
    abouts = [p.read_text() for p in (tmp_path / 'cache').glob('*/about.json')]
    assert len(abouts) == 2 and all('CountBytes' in x for x in abouts)
    assert sum('0.0.0' in x for x in abouts) == 1


def test_other_code_is_other_entries(tmp_path, monkeypatch):
    text = (
        'from mmcv.transforms import BaseTransform\n'
        'from mmbalance_plugin.registry import TRANSFORMS\n'
        '@TRANSFORMS.register_module(force=True)\n'
        'class OfAUser(BaseTransform):\n'
        '    deterministic = True\n'
        '    def transform(self, results):\n'
        '        return dict(results, count={})\n')
    monkeypatch.syspath_prepend(tmp_path)
    places = []
    for number in (1, 22, 1):
        (tmp_path / 'of_a_user.py').write_text(text.format(number))
        sys.modules.pop('of_a_user', None)
        importlib.invalidate_caches()
        settings._hash.cache_clear()  # as in a new process
        importlib.import_module('of_a_user')
        places.append(
            counter(tmp_path, dict(type='mmbalance_plugin.OfAUser')).place)
    assert places[0] == places[2] != places[1]
    del sys.modules['of_a_user']


def test_the_code_that_decodes_is_in_the_versions(tmp_path, monkeypatch):
    def versions(folder):
        settings._hash.cache_clear()  # as in a new process
        monkeypatch.setattr(media, '__file__', str(folder / '__init__.py'))
        return settings.versions.__wrapped__()

    one, two = tmp_path / 'one', tmp_path / 'two'
    shutil.copytree(os.path.dirname(media.__file__), one)
    shutil.copytree(one, two)
    assert versions(one) == versions(two)
    with open(two / 'video.py', 'a') as file:
        file.write('# changed\n')
    assert versions(one) != versions(two)
    assert settings.versions().keys() == versions(one).keys()


def test_what_transforms_read_of_the_sample_is_in_the_key(path, tmp_path):
    column = dict(COUNT, column='bonus')
    with pytest.raises(KeyError, match='"bonus".*depends'):
        count(counter(tmp_path, column), path, bonus=5)
    cache = counter(tmp_path, column, depends=('bonus', ))
    plain = count(CountBytes(), path)
    for bonus, expected in ((5, (0, 1)), (6, (0, 2)), (5, (1, 2))):
        assert count(cache, path, bonus=bonus) == plain + bonus
        assert (cache.hits, cache.misses) == expected
    with pytest.raises(KeyError, match='"bonus".*not in the sample'):
        count(cache, path)


def test_a_file_named_none_is_not_one_that_is_not_named(path, tmp_path):
    cache = counter(tmp_path)
    count(cache, path)
    count(cache, path, audio_path=None)
    count(cache, path, audio_path=str(path))
    assert cache.misses == 3
    with pytest.raises(KeyError, match='filename'):
        cache(dict(audio_path=str(path)))
    # Nor is one that is not there.
    assert cache(dict(filename=None, audio_path=str(path)))['count'] == 0
    with pytest.raises(OSError):
        count(cache, tmp_path / 'absent', audio_path=str(path))
    picture = counter(tmp_path, sources=('filename', ))
    count(picture, path)
    count(picture, path, audio_path=str(path))
    assert (picture.hits, picture.misses) == (1, 1)


def test_files_that_cannot_be_found_go_to_the_transforms(tmp_path):
    cache = counter(tmp_path)
    for name in (tmp_path / 'absent', tmp_path):
        with pytest.raises(OSError):
            count(cache, name)
    assert not os.path.exists(tmp_path / 'cache')
