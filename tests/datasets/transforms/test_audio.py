"""Which piece of the sound comes, and what fills the rest."""
import numpy as np
import pytest
from mmengine.dataset import Compose

from mmbalance_plugin.datasets.transforms import PyAVAudioDecode
from mmbalance_plugin.media import MissingStreamError
from tests.media_utils import tone, write_clip

RATE = 16000


def staircase(seconds):
    """A wave whose value tells the tenth of a second it is heard in."""
    steps = np.repeat(np.arange(round(seconds * 10)), RATE // 10)
    return ((steps + 1) / 64).astype(np.float32)[None]


def tenths(wave, rate=RATE):
    """The tenths of a second heard at the start and the end of a wave."""
    edge = rate // 50
    return (round(float(wave[edge]) * 64) - 1,
            round(float(wave[-edge]) * 64) - 1)


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """4 s of picture, sound of 4 s in steps."""
    return write_clip(
        tmp_path_factory.mktemp('clips') / 'a.mkv', frames=100,
        sound=staircase(4), acodec='flac')


def load(path, *transforms, **annotation):
    results = dict(
        filename=path, audio_path=path, start_index=0, modality='RGB')
    results.update(annotation)
    return Compose(list(transforms))(results)


def decode(path, annotation=None, **settings):
    settings = dict(dict(sample_rate=RATE), **settings)
    return load(
        path, dict(type='mmbalance_plugin.PyAVAudioDecode', **settings),
        **(annotation or {}))['audios']


def test_whole_clip(clip):
    wave = decode(clip)
    assert wave.dtype == np.float32 and wave.shape == (4 * RATE, )
    assert tenths(wave) == (0, 39)


def test_sample_rate_is_noted(clip):
    results = load(
        clip, dict(type='mmbalance_plugin.PyAVAudioDecode', sample_rate=8000))
    assert results['sample_rate'] == 8000
    assert results['audios'].shape == (32000, )


def test_annotated_seconds(clip):
    wave = decode(clip, dict(start=1.0, end=2.5))
    assert len(wave) == 1.5 * RATE
    assert tenths(wave) == (10, 24)
    assert tenths(decode(clip, dict(start=3.0))) == (30, 39)
    wave = decode(clip, dict(start=1.0, end=2.5), duration=0.5)
    assert len(wave) == 0.5 * RATE and tenths(wave) == (10, 14)


def test_crop(clip):
    assert tenths(decode(clip, duration=1.0)) == (0, 9)
    assert tenths(decode(clip, duration=1.0, crop='center')) == (15, 24)
    starts = set()
    for seed in range(20):
        np.random.seed(seed)
        wave = decode(
            clip, dict(start=1.0, end=3.0), duration=0.5, crop='random')
        assert len(wave) == 0.5 * RATE
        first, last = tenths(wave)
        assert 9 <= first and last <= 29
        starts.add(first)
    assert len(starts) > 5


def test_only_random_crop_draws(clip):
    np.random.seed(0)
    before = np.random.get_state()[2]
    for crop in ('start', 'center'):
        decode(clip, duration=1.0, crop=crop)
    assert np.random.get_state()[2] == before
    assert PyAVAudioDecode(duration=1.0).deterministic
    assert not PyAVAudioDecode(duration=1.0, crop='random').deterministic


@pytest.mark.parametrize('pad', ['repeat', 'zero', 'none'])
def test_padding(tmp_path, pad):
    path = write_clip(
        tmp_path / 'a.wav', frames=None, sound=staircase(0.5),
        acodec='pcm_s16le')
    wave = decode(path, duration=1.2, pad=pad)
    sound = staircase(0.5)[0]
    expected = {
        'none': sound,
        'zero': np.pad(sound, (0, 11200)),
        'repeat': np.tile(sound, 3)[:19200]
    }[pad]
    np.testing.assert_allclose(wave, expected, atol=1e-4)


def test_sound_that_ends_before_the_picture(tmp_path):
    path = write_clip(
        tmp_path / 'a.mkv', frames=50, sound=staircase(1), acodec='flac')
    annotation = dict(start=0.5, end=1.5)
    assert len(decode(path, annotation, pad='none')) == 0.5 * RATE
    wave = decode(path, annotation, pad='zero')
    assert len(wave) == RATE and not wave[8000:].any()
    assert tenths(decode(path, annotation, pad='repeat')) == (5, 9)


def aligned(path, inds, num_clips=1, fps=None, annotation=None, **settings):
    """Sound for frames that a sampler has chosen."""

    def sample(results):
        results.update(frame_inds=np.asarray(inds), num_clips=num_clips)
        if fps is not None:
            results.pop('frame_times')
            results['avg_fps'] = fps
        return results

    return load(
        path, dict(type='mmbalance_plugin.PyAVVideoInit'), sample,
        dict(type='mmbalance_plugin.PyAVAudioDecode', window='frames',
             sample_rate=RATE, **settings), **(annotation or {}))['audios']


def test_window_of_the_sampled_frames(clip):
    """Frame i is shown from i / 25 s on for 1 / 25 s."""
    wave = aligned(clip, [25, 30, 49])
    assert len(wave) == RATE and tenths(wave) == (10, 19)
    # In whichever order they are.
    np.testing.assert_array_equal(wave, aligned(clip, [49, 25, 30]))
    # The same by the mean rate, for decoders that only know that.
    np.testing.assert_allclose(
        wave, aligned(clip, [25, 30, 49], fps=25.0), atol=1e-4)


def test_window_around_the_sampled_frames(clip):
    # 1.0 to 2.0 s: the middle is at 1.5 s.
    assert tenths(aligned(clip, [25, 49], duration=0.6)) == (12, 17)
    wave = aligned(clip, [25, 49], duration=2.0)
    assert len(wave) == 2 * RATE and tenths(wave) == (5, 24)
    # Moved to lie within the clip ...
    assert tenths(aligned(clip, [0, 1], duration=1.0)) == (0, 9)
    assert tenths(aligned(clip, [98, 99], duration=1.0)) == (30, 39)
    # ... or within what is annotated.
    wave = aligned(
        clip, [25, 26], duration=1.0, annotation=dict(start=1.0, end=3.0))
    assert tenths(wave) == (10, 19)
    # Padded where the clip is shorter than the window.
    wave = aligned(clip, [3], duration=5.0, pad='zero')
    assert len(wave) == 5 * RATE
    assert not wave[4 * RATE:].any() and wave[:4 * RATE].all()


def test_window_for_each_clip(clip):
    waves = aligned(
        clip, [0, 4, 50, 54, 95, 99], num_clips=3, per_clip=True,
        duration=0.4)
    assert waves.shape == (3, 0.4 * RATE)
    assert [tenths(w)[0] for w in waves] == [0, 19, 36]


def test_window_under_a_variable_frame_rate(tmp_path):
    times = [0, 0.1, 0.2, 1.0, 1.1, 1.2, 2.0]
    path = write_clip(
        tmp_path / 'a.mkv', frames=7, times=times, sound=staircase(3),
        acodec='flac')
    # Frames 2 and 3 are shown from .2 to 1.1 s.
    wave = aligned(path, [2, 3])
    assert len(wave) == pytest.approx(0.9 * RATE, abs=32)
    assert tenths(wave) == (2, 10)


def test_sound_in_a_file_of_its_own(tmp_path):
    picture = write_clip(tmp_path / 'a.flv', frames=50, vcodec='flv')
    sound = write_clip(
        tmp_path / 'a.wav', frames=None, sound=staircase(2),
        acodec='pcm_s16le')
    wave = aligned(
        picture, [25, 34], annotation=dict(audio_path=sound))
    assert tenths(wave) == (10, 13)


def test_one_opening_serves_picture_and_sound(clip, monkeypatch):
    import av
    opened = []
    real = av.open
    monkeypatch.setattr(
        av, 'open', lambda *args, **kwargs: opened.append(args) or real(
            *args, **kwargs))
    aligned(clip, [0])
    # Once, and perhaps again where the file is read from its start.
    assert len(opened) <= 2


def test_mmaction_datasets_have_no_audio_path(clip):
    results = Compose([
        dict(type='mmbalance_plugin.PyAVAudioDecode', sample_rate=RATE)
    ])(dict(filename=clip))
    assert len(results['audios']) == 4 * RATE


def test_missing_sound(tmp_path):
    path = write_clip(tmp_path / 'mute.mp4', frames=50)
    with pytest.raises(MissingStreamError, match='mute.mp4: has no sound'):
        decode(path)
    with pytest.raises(MissingStreamError, match="missing='skip'"):
        decode(path, dict(missing='error'))
    with pytest.raises(MissingStreamError, match='names no audio file'):
        decode(path, dict(audio_path=None))
    for annotation in (dict(missing='mask'),
                       dict(missing='mask', audio_path=None)):
        results = load(
            path, dict(type='mmbalance_plugin.PyAVAudioDecode', duration=2.0,
                       sample_rate=RATE), **annotation)
        assert results['masked_keys'] == {'audios'}
        assert results['audios'].shape == (2 * RATE, )
        assert not results['audios'].any()
    with pytest.raises(ValueError, match='give PyAVAudioDecode a duration'):
        decode(path, dict(missing='mask'))
    waves = aligned(
        path, [0, 1, 20, 21], num_clips=2, per_clip=True,
        annotation=dict(missing='mask'), duration=0.1)
    assert waves.shape == (2, 0.1 * RATE)


def test_no_sound_in_the_window(tmp_path):
    path = write_clip(
        tmp_path / 'a.mkv', frames=50, sound=tone(0.5), acodec='flac')
    with pytest.raises(MissingStreamError, match='no sound after 1.00 s'):
        decode(path, dict(start=1.0, end=1.5))
    wave = decode(path, dict(start=1.0, end=1.5, missing='mask'))
    assert wave.shape == (RATE // 2, )


def test_masked_picture_with_sound_for_frames(tmp_path):
    path = write_clip(
        tmp_path / 'a.wav', frames=None, sound=staircase(2),
        acodec='pcm_s16le')
    wave = aligned(
        path, [0, 0], duration=1.0, annotation=dict(missing='mask'))
    assert tenths(wave) == (0, 9)


@pytest.mark.parametrize('settings, message', [
    (dict(window='frame'), 'window must be one of'),
    (dict(crop='middle'), 'crop must be one of'),
    (dict(pad='wrap'), 'pad must be one of'),
    (dict(duration=0), 'duration must be positive'),
    (dict(per_clip=True), "needs window='frames'"),
])
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        PyAVAudioDecode(**settings)


def test_frames_without_times(clip):
    with pytest.raises(KeyError, match='needs frame_times or avg_fps'):
        load(clip, dict(type='mmbalance_plugin.PyAVAudioDecode',
                        window='frames'), frame_inds=np.array([0]))


def test_says_what_it_is():
    assert "pad='zero'" in repr(PyAVAudioDecode(pad='zero'))
