"""Frames through MMAction2's samplers, crops and flips."""
import numpy as np
import pytest
from mmengine.dataset import Compose

from mmbalance_plugin.datasets.transforms import (
    ClipSegment,
    PyAVVideoDecode,
    PyAVVideoInit,
)
from mmbalance_plugin.media import MediaError, MissingStreamError
from tests.media_utils import read_number, tone, write_clip

INIT = dict(type='mmbalance_plugin.PyAVVideoInit')
DECODE = dict(type='mmbalance_plugin.PyAVVideoDecode')


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """60 frames of variable length with sound."""
    times = np.cumsum([0] + [.02, .07, .04] * 20)[:60]
    return write_clip(
        tmp_path_factory.mktemp('clips') / 'a clip.mp4', frames=60,
        times=times, sound=tone(2.5), size=(72, 96))


def load(path, *transforms, **annotation):
    results = dict(filename=path, start_index=0, modality='RGB', **annotation)
    return Compose(list(transforms))(results)


def numbers(results):
    return [read_number(image) for image in results['imgs']]


@pytest.mark.parametrize('sampler', [
    dict(type='mmaction.SampleFrames', clip_len=1, num_clips=3),
    dict(type='mmaction.SampleFrames', clip_len=1, num_clips=25,
         test_mode=True),
    dict(type='mmaction.SampleFrames', clip_len=8, frame_interval=3,
         num_clips=2),
    dict(type='mmaction.SampleFrames', clip_len=40, frame_interval=4,
         num_clips=1),
    dict(type='mmaction.SampleFrames', clip_len=16, frame_interval=1,
         num_clips=1, target_fps=30),
    dict(type='mmaction.DenseSampleFrames', clip_len=4, frame_interval=2,
         num_clips=2),
    dict(type='mmaction.UniformSample', clip_len=7, num_clips=2),
], ids=lambda s: f"{s['type'][9:]}-{s['clip_len']}x{s.get('num_clips')}")
def test_sampled_frames_are_the_ones_decoded(clip, sampler):
    for seed in range(5):
        np.random.seed(seed)
        results = load(clip, INIT, sampler, DECODE)
        sampled = results['frame_inds'].reshape(-1).tolist()
        assert numbers(results) == sampled
        assert results['img_shape'] == results['original_shape'] == (72, 96)


def test_what_the_samplers_are_told(clip):
    results = load(clip, INIT)
    assert (results['total_frames'], results['start_index']) == (60, 0)
    assert len(results['frame_times']) == 60
    assert results['avg_fps'] == pytest.approx(
        60 / (results['frame_end'] - results['frame_times'][0]))


@pytest.mark.parametrize('start, end', [(0.5, 1.2), (None, 0.3), (2.0, None),
                                        (1.0, 1.05), (1.0, 99.0)])
def test_only_annotated_seconds_are_sampled(clip, start, end):
    times = load(clip, INIT)['frame_times']
    inside = np.flatnonzero((times >= (start or 0) - 1e-6)
                            & (times < (end or 99) - 1e-6)).tolist()
    seen = set()
    for seed in range(30):
        np.random.seed(seed)
        results = load(
            clip, INIT,
            dict(type='mmaction.SampleFrames', clip_len=1, num_clips=4),
            DECODE, start=start, end=end)
        seen.update(numbers(results))
    assert seen <= set(inside)
    # And all of a short segment is within reach.
    assert len(inside) > 10 or seen == set(inside)


def test_segment_without_a_frame(clip):
    with pytest.raises(MediaError, match='a clip.mp4: shows no frame from 9'):
        load(clip, INIT, start=9.0, end=None)


def test_mmaction_augmentations(clip):
    """In-place flips must not meet the same memory twice."""
    results = load(
        clip, INIT,
        dict(type='mmaction.SampleFrames', clip_len=8, frame_interval=9,
             num_clips=2), DECODE,
        dict(type='mmaction.Flip', flip_ratio=1.0))
    inds = results['frame_inds'].tolist()
    assert len(set(inds)) < len(inds)
    assert [read_number(i[:, ::-1]) for i in results['imgs']] == inds
    results = load(
        clip, INIT,
        dict(type='mmaction.SampleFrames', clip_len=4, num_clips=2), DECODE,
        dict(type='mmaction.Resize', scale=(-1, 64)),
        dict(type='mmaction.RandomResizedCrop'),
        dict(type='mmaction.Resize', scale=(56, 56), keep_ratio=False),
        dict(type='mmaction.Flip', flip_ratio=0.5),
        dict(type='mmaction.ColorJitter'),
        dict(type='mmaction.FormatShape', input_format='NCTHW'))
    assert results['imgs'].shape == (2, 3, 4, 56, 56)
    results = load(
        clip, INIT,
        dict(type='mmaction.SampleFrames', clip_len=1, num_clips=3,
             test_mode=True), DECODE,
        dict(type='mmaction.Resize', scale=(-1, 64)),
        dict(type='mmaction.TenCrop', crop_size=48),
        dict(type='mmaction.FormatShape', input_format='NCHW'))
    assert results['imgs'].shape == (30, 3, 48, 48)


@pytest.mark.parametrize('decoder', ['Decord', 'PyAV', 'OpenCV'])
def test_mmaction_decoders_stay_usable(tmp_path, decoder):
    path = write_clip(tmp_path / 'a.mp4', frames=25)
    results = load(
        path, dict(type=f'mmaction.{decoder}Init'),
        dict(type='mmbalance_plugin.ClipSegment'),
        dict(type='mmaction.SampleFrames', clip_len=1, num_clips=3),
        dict(type=f'mmaction.{decoder}Decode'))
    assert numbers(results) == results['frame_inds'].tolist()


def test_clip_segment_for_mmaction_decoders(tmp_path):
    path = write_clip(tmp_path / 'a.mp4', frames=25)
    results = load(
        path, dict(type='mmaction.DecordInit'),
        dict(type='mmbalance_plugin.ClipSegment'), start=0.4, end=0.6)
    assert (results['start_index'], results['total_frames']) == (10, 5)
    with pytest.raises(KeyError, match='needs avg_fps'):
        ClipSegment()(dict(total_frames=9, start=1.0))


def test_decode_without_init(clip):
    with pytest.raises(KeyError, match='needs PyAVVideoInit'):
        PyAVVideoDecode()(dict(filename=clip, frame_inds=[0]))


def test_missing_picture(tmp_path):
    sound = write_clip(
        tmp_path / 'a.wav', frames=None, sound=tone(0.2), acodec='pcm_s16le')
    with pytest.raises(MissingStreamError, match='a.wav: has no picture'):
        load(sound, INIT)
    with pytest.raises(MissingStreamError, match="missing='mask'"):
        load(sound, INIT, missing='error')
    with pytest.raises(MissingStreamError, match='names no video file'):
        load(None, INIT)
    for path in (sound, None):
        results = load(
            path, INIT,
            dict(type='mmaction.SampleFrames', clip_len=4, num_clips=2),
            dict(DECODE, mask_size=(40, 30)), missing='mask')
        assert results['masked_keys'] == {'imgs'}
        assert len(results['imgs']) == 8
        assert all(i.shape == (40, 30, 3) and not i.any()
                   for i in results['imgs'])


def test_truncated_clip_by_choice(tmp_path):
    from tests.media_utils import truncate
    whole = write_clip(
        tmp_path / 'whole.mp4', frames=100,
        options=dict(movflags='faststart'))
    path = truncate(whole, tmp_path / 'half.mp4', 0.6)
    with pytest.raises(MediaError, match='truncated'):
        load(path, INIT)
    results = load(path, dict(INIT, allow_truncated=True))
    assert results['total_frames'] < 90


def test_says_what_it_is():
    assert 'timeout=5' in repr(PyAVVideoInit(timeout=5))
    assert 'mask_size=(4, 5)' in repr(PyAVVideoDecode(mask_size=[4, 5]))
    assert repr(ClipSegment()) == 'ClipSegment()'
