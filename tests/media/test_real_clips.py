"""Clips from cameras and real encoders, against independent counts."""
import av
import numpy as np
import pytest

from mmbalance_plugin.media import (
    MediaReader,
    decode_audio,
    decode_frames,
    frame_index,
    probe,
)
from tests.media.real_clips import CLIPS, real_clip

WITH_BOTH = [n for n, c in CLIPS.items() if c[2] and c[4]]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('real')


@pytest.mark.parametrize('name', CLIPS)
def test_counts(name, folder):
    _, _, frames, rate, samples = CLIPS[name]
    info = probe(real_clip(name, folder), full=True)
    assert (info.frames, info.sample_rate, info.samples) == (
        frames, rate, samples)
    assert info.has_video == (frames is not None)
    assert info.has_audio == (samples is not None)


@pytest.mark.parametrize('name', [n for n, c in CLIPS.items() if c[2]])
def test_frames_are_those_of_a_plain_loop(name, folder):
    path = real_clip(name, folder)
    rng = np.random.default_rng(1)
    wanted = rng.integers(0, CLIPS[name][2], 5).tolist()
    expected = {}
    with av.open(path) as container:
        start = container.start_time / av.time_base
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                expected[number] = frame.to_ndarray(
                    format='rgb24'), frame.time - start
    with MediaReader(path) as reader:
        index = frame_index(reader)
        for number, picture in zip(wanted, decode_frames(reader, wanted)):
            np.testing.assert_array_equal(picture, expected[number][0])
            assert index.times[number] == pytest.approx(
                expected[number][1], abs=1e-4)


@pytest.mark.parametrize('name', WITH_BOTH)
def test_sound_of_a_frame_is_heard_while_it_is_shown(name, folder):
    """The window of some frames, against samples placed by a plain loop."""
    path = real_clip(name, folder)
    rate = CLIPS[name][3]
    times, pieces = [], []
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            times.append(frame.time)
            pieces.append(frame.to_ndarray().mean(axis=0))
    with av.open(path) as container:
        shown = [frame.time for frame in container.decode(video=0)]
    place = len(shown) * 2 // 3
    begin, end = shown[place], shown[place + 12]
    number = int(np.searchsorted(times, begin, 'right')) - 1
    first = sum(map(len, pieces[:number])) + round(
        (begin - times[number]) * rate)
    expected = np.concatenate(pieces)[first:][:round((end - begin) * rate)]
    with MediaReader(path) as reader:
        index = frame_index(reader)
        wave = decode_audio(
            reader, rate, index.times[place], index.times[place + 12])
    assert abs(len(wave) - len(expected)) <= 1
    # The mono mix differs in 5.1; the delay must not. It is where the two
    # fit best, and may be no more than a frame.
    length = min(len(wave), len(expected))
    spectrum = np.fft.rfft(wave[:length], 2 * length) * np.conj(
        np.fft.rfft(expected[:length], 2 * length))
    delay = int(np.argmax(np.fft.irfft(spectrum)))
    delay = min(delay, 2 * length - delay)
    assert delay / rate < 1 / index.fps
    assert delay <= 1
