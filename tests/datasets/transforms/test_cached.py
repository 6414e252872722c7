"""The cache: same samples, still random, and nothing else gets in."""
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from mmbalance_plugin.datasets import AudioVisualDataset
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
SOUND = ('audios', 'sample_rate')


@pytest.fixture(autouse=True)
def scope(settled):
    init_default_scope('mmaction')


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / 'clip.mp4', 12, 10, sound=tone(1.2))


def cached(tmp_path, transforms=DECODE, keys=FRAMES, **kwargs):
    return CachedTransforms(
        transforms, keys, str(tmp_path / 'cache'), **kwargs)


def sample(path, **kwargs):
    return dict(filename=path, audio_path=path, modality='RGB', **kwargs)


def entries(tmp_path):
    """The files of entries, without what was left behind."""
    return sorted((tmp_path / 'cache').glob('*/*/*'))


def test_what_is_read_is_what_was_computed(clip, tmp_path):
    for transforms, keys in ((DECODE, FRAMES), (AUDIO, SOUND)):
        cache = cached(tmp_path, transforms, keys)
        plain = Compose(transforms)(sample(clip))
        for expected in ((0, 1), (1, 1)):
            found = cache(sample(clip))
            assert (cache.hits, cache.misses) == expected
            # Made or read, the same is there and nothing else.
            assert set(found) == {*sample(clip), *keys}
            for key in keys:
                assert type(found[key]) is type(plain[key]), key
                assert np.array_equal(found[key], plain[key]), key


def test_pictures_that_tests_show_are_kept_as_they_are(clip, tmp_path):
    transforms = [
        dict(type='mmbalance_plugin.PyAVVideoInit'),
        dict(type='SampleFrames', clip_len=1, num_clips=3, test_mode=True),
        dict(type='mmbalance_plugin.PyAVVideoDecode'),
        dict(type='Resize', scale=(24, 20), keep_ratio=False),
        dict(type='FormatShape', input_format='NCHW')
    ]
    cache = cached(tmp_path, transforms, ('imgs', 'img_shape'))
    plain = Compose(transforms)(sample(clip))
    for _ in range(2):
        found = cache(sample(clip))
        assert np.array_equal(found['imgs'], plain['imgs'])
        assert found['img_shape'] == plain['img_shape'] == (20, 24)
    assert cache.hits == 1


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


@pytest.mark.parametrize('mapped', [0, 1 << 30])
def test_in_place_changes_do_not_reach_the_disk(clip, tmp_path, monkeypatch,
                                                mapped):
    monkeypatch.setattr(
        'mmbalance_plugin.datasets.cache.entries.MAPPED_BYTES', mapped)
    cache = cached(tmp_path)
    cache(sample(clip))
    first = cache(sample(clip))['array']
    expected = np.array(first)
    first[:] = 0
    assert np.array_equal(cache(sample(clip))['array'], expected)


def test_damaged_entries_are_made_anew(clip, tmp_path):
    cache = cached(tmp_path)
    expected = np.array(cache(sample(clip))['array'])
    path, = entries(tmp_path)
    content = path.read_bytes()
    for damaged in (b'', content[:20], content[:-1], content + b'\0',
                    b'\0' * len(content)):
        path.write_bytes(damaged)
        misses = cache.misses
        assert np.array_equal(cache(sample(clip))['array'], expected)
        assert cache.misses == misses + 1
        assert path.read_bytes() == content


def test_random_transforms_are_refused(tmp_path):
    for random in (dict(type='RandomResizedCrop'),
                   dict(type='SampleFrames', clip_len=1),
                   dict(type='SampleFrames', clip_len=1, test_mode=True,
                        temporal_jitter=True)):
        with pytest.raises(ValueError, match='behind the cache'):
            cached(tmp_path, [random])


def test_what_was_drawn_before_cannot_get_in(clip, tmp_path):
    """Sound of frames that were drawn outside would be frozen."""
    sound = [dict(type='mmbalance_plugin.PyAVAudioDecode', window='frames')]
    pipeline = Compose([
        dict(type='mmbalance_plugin.PyAVVideoInit'),
        dict(type='SampleFrames', clip_len=2, num_clips=1),
        cached(tmp_path, sound, SOUND)
    ])
    with pytest.raises(KeyError, match='"frame_inds".*depends'):
        pipeline(sample(clip))
    # All inside, it is the same each time.
    inside = [
        dict(type='mmbalance_plugin.PyAVVideoInit'),
        dict(type='SampleFrames', clip_len=2, num_clips=1, test_mode=True),
        *sound
    ]
    cache = cached(tmp_path, inside, SOUND)
    plain = Compose(inside)(sample(clip))['audios']
    for _ in range(2):
        assert np.array_equal(cache(sample(clip))['audios'], plain)


def test_keys_that_no_transform_gives_are_an_error(clip, tmp_path):
    with pytest.raises(KeyError, match=r"should keep \['audioz'\]"):
        cached(tmp_path, AUDIO, ('audioz', ))(sample(clip))
    assert not entries(tmp_path)


@pytest.mark.parametrize('given', [
    dict(), dict(audio_path=None), dict(filename=None)])
def test_masked_clips_are_not_cached(tmp_path, given):
    silent = write_clip(tmp_path / 'silent.mp4', 5, 10)
    cache = cached(tmp_path, AUDIO, SOUND)
    info = {**sample(silent, missing='mask'), **given}
    for _ in range(2):
        found = cache(dict(info, masked_keys={'other'}))
        assert found['masked_keys'] == {'audios', 'other'}
        assert not torch.as_tensor(found['audios']).isnan().any()
    assert cache.misses == 2 and not entries(tmp_path)


def test_a_set_with_missing_streams_is_masked_alike(tmp_path):
    write_clip(tmp_path / 'both.mp4', 6, 10, sound=tone(.6))
    write_clip(tmp_path / 'silent.mp4', 6, 10)
    write_clip(tmp_path / 'blind.wav', None, sound=tone(.6),
               acodec='pcm_s16le')
    (tmp_path / 'clips.csv').write_text(
        'video,audio,label\nboth.mp4,both.mp4,0\nsilent.mp4,silent.mp4,1\n'
        'silent.mp4,,1\n,blind.wav,0\n')
    visual = [
        dict(type='mmbalance_plugin.PyAVVideoInit'),
        dict(type='SampleFrames', clip_len=1, num_clips=2, test_mode=True),
        dict(type='mmbalance_plugin.PyAVVideoDecode', mask_size=(64, 64)),
        dict(type='FormatShape', input_format='NCHW')
    ]
    pack = dict(type='mmbalance_plugin.PackMultimodalInputs')

    def build(pipeline):
        return AudioVisualDataset(
            str(tmp_path / 'clips.csv'), pipeline,
            data_prefix=dict(video=str(tmp_path)), missing='mask',
            num_classes=2)

    plain = build([*visual, *AUDIO, pack])
    pictures = cached(tmp_path, visual, ('imgs', 'img_shape'),
                      sources=('filename', ))
    sound = cached(tmp_path, AUDIO, SOUND, sources=('audio_path', ))
    kept = build([pictures, sound, pack])
    for _ in range(2):
        for number in range(4):
            wanted, found = plain[number], kept[number]
            assert found['data_samples'].modality_mask == wanted[
                'data_samples'].modality_mask
            for name, value in wanted['inputs'].items():
                assert torch.equal(found['inputs'][name], value), name
    # silent.mp4 is in two rows.
    assert (pictures.hits, pictures.misses) == (4, 4)
    assert (sound.hits, sound.misses) == (2, 6)


@pytest.mark.parametrize('fps, expected', [
    (None, list(range(12))), (5, [1, 3, 5, 7, 9, 11]), (2.5, [2, 6, 10]),
    (10, list(range(12))), (100, list(range(12))), (.5, [6])])
@pytest.mark.parametrize('total', [15, 20])
def test_frames_at_a_rate(fps, expected, total):
    """Frames 3 to 14 of a clip that ends with them, or later."""
    results = dict(total_frames=12, start_index=3, frame_end=total / 10,
                   frame_times=np.arange(total) / 10)
    found = SampleAtRate(fps)(results)['frame_inds']
    assert (found - 3).tolist() == expected


def test_frames_at_a_rate_when_some_are_shown_for_longer():
    # Parts of half a second, middles at .25, .75 ...
    results = dict(total_frames=5, start_index=0, frame_end=3.,
                   frame_times=[0., .2, .3, 1.2, 2.7])
    found = SampleAtRate(2)(results)['frame_inds']
    assert found.tolist() == [1, 2, 3, 4]
