"""Sound or picture may start minutes after the other."""
import numpy as np
import pytest

from mmbalance_plugin.datasets.transforms import PyAVVideoInit
from mmbalance_plugin.media import (
    MediaError,
    MediaReader,
    MissingStreamError,
    decode_audio,
    decode_frames,
    frame_index,
    probe,
)
from mmbalance_plugin.media import audio as audio_module
from mmbalance_plugin.media import reader as reader_module
from tests.media_utils import read_number, tone, write_clip

LATE, FPS = 65, 2
CONTAINERS = {
    'a.mp4': dict(),
    'a.mov': dict(acodec='pcm_s16le'),
    'a.mkv': dict(acodec='flac'),
    'live.mkv': dict(format='matroska', options=dict(live='1')),
    'a.flv': dict(vcodec='flv', acodec='mp3', rate=44100),
    'a.ts': dict(acodec='mp2'),
    'a.wmv': dict(vcodec='wmv2', acodec='mp3', rate=44100),
    'a.nut': dict(),
}


@pytest.fixture(params=['kept', 'searched'])
def way(request, monkeypatch):
    if request.param == 'searched':
        monkeypatch.setattr(reader_module, 'KEPT_BYTES', 0)


def late_sound(path, **settings):
    rate = settings.setdefault('rate', 16000)
    return write_clip(
        path, frames=(LATE + 4) * FPS, fps=FPS, sound=tone(4, rate),
        sound_start=LATE, **settings)


@pytest.mark.parametrize('name', CONTAINERS)
def test_sound_that_starts_late(tmp_path, name, way):
    path = late_sound(tmp_path / name, **CONTAINERS[name])
    with MediaReader(path) as reader:
        whole = decode_audio(reader, 8000)
        assert len(whole) / 8000 == pytest.approx(LATE + 4, abs=0.2)
        loud = np.flatnonzero(np.abs(whole) > 0.2) / 8000
        assert loud[0] == pytest.approx(LATE, abs=0.1)
        with pytest.raises(MissingStreamError, match='no sound after 0.00 s'):
            decode_audio(reader, 8000, 0, 5)
        for start, end in ((LATE - 5, LATE + 2), (LATE + 1, LATE + 3)):
            piece = decode_audio(reader, 8000, start, end)
            assert len(piece) == (end - start) * 8000
            loud = np.flatnonzero(np.abs(piece) > 0.2) / 8000
            assert loud[0] == pytest.approx(max(0, LATE - start), abs=0.1)
            assert loud[-1] == pytest.approx(end - start, abs=0.1)
        assert len(frame_index(reader)) == (LATE + 4) * FPS


@pytest.mark.parametrize('name', ['a.mov', 'a.mkv', 'a.ts'])
def test_picture_that_starts_late(tmp_path, name, way):
    settings = dict(CONTAINERS[name])
    rate = settings.setdefault('rate', 16000)
    times = [LATE + i / FPS for i in range(8)]
    path = write_clip(
        tmp_path / name, frames=8, fps=FPS, times=times,
        sound=tone(LATE + 4, rate), **settings)
    with MediaReader(path) as reader:
        index = frame_index(reader)
        np.testing.assert_allclose(index.times, times, atol=0.05)
        assert [read_number(p) for p in decode_frames(reader, [5, 0])
                ] == [5, 0]
    info = probe(path, full=True)
    assert info.frames == 8
    assert info.samples / info.sample_rate == pytest.approx(
        LATE + 4, abs=0.1)
    results = PyAVVideoInit()(dict(filename=path, start=LATE - 1,
                                   end=LATE + 1))
    assert (results['start_index'], results['total_frames']) == (0, 2)
    for segment, error in ((dict(start=0, end=5), MissingStreamError),
                           (dict(start=LATE + 9, end=LATE + 10), MediaError)):
        with pytest.raises(MediaError, match='shows no frame') as caught:
            PyAVVideoInit()(dict(filename=path, **segment))
        assert type(caught.value) is error


def test_window_before_a_late_picture_is_masked(tmp_path):
    path = write_clip(
        tmp_path / 'a.mov', frames=2, times=[70, 70.5], sound=tone(71),
        acodec='pcm_s16le')
    results = PyAVVideoInit()(
        dict(filename=path, start=0., end=5., missing='mask'))
    assert results['masked_keys'] == {'imgs'}


@pytest.mark.parametrize('frames, live', [(150, '0'), (None, '1')])
def test_time_stamp_that_lies_after_the_end(
        tmp_path, frames, live, monkeypatch):
    """That is damage: there would be hours of silence.

    Where no length is stated, the picture tells how long a file lasts.
    """
    monkeypatch.setattr(audio_module, '_LONGEST_GAP', 10)
    path = write_clip(
        tmp_path / 'a.mkv', frames=frames, sound=tone(6, 16000),
        acodec='pcm_s16le', pause=(3, 0.5),
        options=dict(live=live, cluster_time_limit='1000'))
    content = bytearray(open(path, 'rb').read())
    # The time of the last cluster, in milliseconds.
    place = content.rindex(b'\x1f\x43\xb6\x75')
    place = content.index(b'\xe7', place)
    size = content[place + 1] & 0x7f
    assert 0 < size <= 4
    content[place + 2:place + 2 + size] = b'\xff' * size
    open(path, 'wb').write(content)
    with MediaReader(path) as reader:
        with pytest.raises(MediaError, match='damaged time stamps'):
            decode_audio(reader, 16000)
