"""The cache: same samples, still random, never stale, never half there."""
import os
import shutil

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from mmbalance_plugin.datasets.transforms import CachedTransforms, SampleAtRate
from tests.media_utils import read_number, tone, write_clip

DECODE = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(type='mmbalance_plugin.SampleAtRate'),
    dict(type='mmbalance_plugin.PyAVVideoDecode'),
    dict(type='Resize', scale=(-1, 32)),
    dict(type='mmbalance_plugin.StackFrames')
]
FRAMES = ('array', 'total_frames', 'start_index', 'avg_fps', 'frame_times',
          'frame_end')
AUDIO = [
    dict(type='mmbalance_plugin.PyAVAudioDecode', duration=.5),
    dict(type='mmbalance_plugin.LogSpectrogram')
]


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmaction')


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / 'clip.mp4', 12, 10, sound=tone(1.2))


def cached(tmp_path, transforms=DECODE, keys=FRAMES):
    return CachedTransforms(transforms, keys, str(tmp_path / 'cache'))


def sample(path, **kwargs):
    return dict(filename=path, audio_path=path, modality='RGB', **kwargs)


def test_what_is_read_is_what_was_computed(clip, tmp_path):
    for transforms, keys in ((DECODE, FRAMES), (AUDIO, ('audios',
                                                        'sample_rate'))):
        cache = cached(tmp_path, transforms, keys)
        plain = Compose(transforms)(sample(clip))
        for expected in ((0, 1), (1, 1)):
            found = cache(sample(clip))
            assert (cache.hits, cache.misses) == expected
            for key in keys:
                assert (isinstance(found[key], torch.Tensor) ==
                        isinstance(plain[key], torch.Tensor))
                assert np.array_equal(found[key], plain[key]), key


def test_frames_drawn_from_the_cache_are_random_and_right(clip, tmp_path):
    pipeline = Compose([
        cached(tmp_path),
        dict(type='SampleFrames', clip_len=1, num_clips=3),
        dict(type='ArrayDecode'),
        dict(type='Flip', flip_ratio=0.)
    ])
    seen = set()
    for _ in range(20):
        found = pipeline(sample(clip))
        numbers = [read_number(picture) for picture in found['imgs']]
        assert numbers == found['frame_inds'].tolist()
        seen.add(tuple(numbers))
    assert len(seen) > 3


def test_in_place_changes_do_not_reach_the_disk(clip, tmp_path):
    cache = cached(tmp_path)
    cache(sample(clip))
    first = cache(sample(clip))['array']
    expected = np.array(first)
    first[:] = 0
    assert np.array_equal(cache(sample(clip))['array'], expected)


def test_changed_files_settings_and_seconds_are_other_entries(
        clip, tmp_path):
    cache = cached(tmp_path)
    cache(sample(clip))
    write_clip(clip, 7, 10)
    assert cache(sample(clip))['total_frames'] == 7
    assert cache.misses == 2
    assert cache(sample(clip))['total_frames'] == 7
    assert cache.hits == 1
    assert cache(sample(clip, start=.3))['total_frames'] == 4
    smaller = [dict(t) for t in DECODE]
    smaller[3]['scale'] = (-1, 16)
    other = cached(tmp_path, smaller)
    assert other(sample(clip))['array'].shape[1] == 16
    assert other.misses == 1


def test_damaged_entries_are_made_anew(clip, tmp_path):
    cache = cached(tmp_path)
    expected = np.array(cache(sample(clip))['array'])
    for name in ('array.npy', 'entry.json'):
        path, = (tmp_path / 'cache').glob(f'*/*/{name}')
        path.write_bytes(path.read_bytes()[:20])
        assert np.array_equal(cache(sample(clip))['array'], expected)
    assert cache.misses == 3
    # A process that was killed while it wrote has left only this.
    path, = (tmp_path / 'cache').glob('*/*/entry.json')
    shutil.move(path.parent, path.parent.with_name('.partial-x'))
    cache(sample(clip))
    assert cache.misses == 4


def test_random_transforms_are_refused(tmp_path):
    with pytest.raises(ValueError, match='behind the cache'):
        cached(tmp_path, [dict(type='RandomResizedCrop')])


def test_masked_clips_are_not_cached(tmp_path):
    silent = write_clip(tmp_path / 'silent.mp4', 5, 10)
    cache = cached(tmp_path, AUDIO, ('audios', ))
    for _ in range(2):
        found = cache(sample(silent, missing='mask'))
        assert found['masked_keys'] == {'audios'}
        assert not torch.as_tensor(found['audios']).isnan().any()
    assert cache.misses == 2 and not os.path.exists(tmp_path / 'cache')


@pytest.mark.parametrize('fps, expected', [
    (None, list(range(12))), (5, [0, 2, 4, 6, 8, 10]), (100, list(range(12))),
    (.5, [0])])
def test_frames_at_a_rate(fps, expected):
    results = dict(total_frames=12, start_index=3,
                   frame_times=np.arange(20) / 10)
    found = SampleAtRate(fps)(results)['frame_inds']
    assert (found - 3).tolist() == expected
