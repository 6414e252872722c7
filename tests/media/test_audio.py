"""Sound: how much, how loud, how high and when."""
from pathlib import Path

import numpy as np
import pytest

from mmbalance_plugin.media import (
    MediaError,
    MediaReader,
    MissingStreamError,
    decode_audio,
    decode_frames,
    frame_index,
    mono_weights,
)
from mmbalance_plugin.media import index as index_module
from mmbalance_plugin.media import reader as reader_module
from tests.media_utils import (
    loudest_hertz,
    numbered_frame,
    read_number,
    tone,
    truncate,
    write_clip,
)

# File: its settings and its sample rate.
LOSSY = {
    'aac.mp4': dict(),
    'aac.mkv': dict(),
    'aac.flv': dict(rate=44100),
    'mp3.avi': dict(vcodec='mpeg4', acodec='mp3'),
    'mp3.flv': dict(vcodec='flv', acodec='mp3', rate=22050),
    'mp3.mp3': dict(frames=None, acodec='mp3'),
    'opus.webm': dict(vcodec='libvpx-vp9', acodec='libopus', rate=48000),
    'mp2.mpg': dict(vcodec='mpeg2video', acodec='mp2', rate=44100),
}
EXACT = {
    's16.wav': dict(acodec='pcm_s16le'),
    's24.wav': dict(acodec='pcm_s24le'),
    's32.wav': dict(acodec='pcm_s32le'),
    'f32.wav': dict(acodec='pcm_f32le'),
    'f64.wav': dict(acodec='pcm_f64le'),
    'u8.wav': dict(acodec='pcm_u8'),
    'flac.flac': dict(acodec='flac'),
    's16.mkv': dict(acodec='pcm_s16le', frames=10),
    's16.avi': dict(acodec='pcm_s16le', frames=10, vcodec='mpeg4'),
    's16.mov': dict(acodec='pcm_s16le', frames=10),
}


@pytest.fixture(params=['kept', 'searched'], autouse=True)
def way(request, monkeypatch):
    """Small files are kept, large ones searched: both must come out alike."""
    if request.param == 'searched':
        monkeypatch.setattr(reader_module, 'KEPT_BYTES', 0)
    return request.param


def decode(path, *args, **kwargs):
    with MediaReader(path) as reader:
        return decode_audio(reader, *args, **kwargs)


def onset(wave, rate):
    """Seconds after which the sound is loud."""
    return np.flatnonzero(np.abs(wave) > 0.2)[0] / rate


@pytest.mark.parametrize('name', LOSSY)
def test_tone_survives(tmp_path, name):
    settings = dict(rate=16000)
    settings.update(LOSSY[name])
    rate = settings['rate']
    path = write_clip(tmp_path / name, sound=tone(1, rate), **settings)
    wave = decode(path, 16000)
    assert wave.dtype == np.float32 and wave.ndim == 1
    # Codecs pad the ends by up to a packet or two.
    assert 16000 <= len(wave) <= 16000 + 2400
    middle = wave[4000:12000]
    assert loudest_hertz(middle, 16000) == pytest.approx(440, abs=3)
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize('name', EXACT)
def test_samples_are_those_written(tmp_path, name):
    sound = tone(1, 16000, hertz=100)
    path = write_clip(
        tmp_path / name, sound=sound, **{'frames': None, **EXACT[name]})
    wave = decode(path, 16000)
    step = 2**-7 if name.startswith('u8') else 2**-15
    np.testing.assert_allclose(wave, sound[0], atol=1.01 * step)


def test_mono_mix_in_closed_form(tmp_path):
    """5.1 as broadcasting mixes it down, and every weight counted."""
    root = 0.5**0.5
    shares = np.array([root, root, 1, 0, 0.5, 0.5])
    expected = shares / shares.sum()
    names = ('FL', 'FR', 'FC', 'LFE', 'BL', 'BR')
    np.testing.assert_allclose(mono_weights(names), expected, rtol=1e-6)
    for channel in range(6):
        sound = np.zeros((6, 4000), dtype=np.float32)
        sound[channel] = 0.5
        path = write_clip(
            tmp_path / f'{channel}.wav', frames=None, sound=sound,
            acodec='pcm_f32le')
        np.testing.assert_allclose(
            decode(path, 16000), expected[channel] * 0.5, atol=1e-6)


def test_unknown_speakers_count_equally():
    np.testing.assert_allclose(mono_weights(('FL', 'TFC', 'LFE')), 1 / 3)
    np.testing.assert_allclose(mono_weights(('LFE', )), 1)


@pytest.mark.parametrize('name, acodec', [
    ('a.wav', 'pcm_s16le'), ('a.mkv', 'flac'), ('a.mp4', 'aac')])
@pytest.mark.parametrize('channels', [2, 6])
def test_as_loud_in_mono_as_in_many_channels(tmp_path, name, acodec,
                                             channels):
    """All speakers playing the same is what one speaker plays."""
    sound = tone(0.5, 48000, channels=channels)
    if channels == 6:
        sound[3] = 0  # the subwoofer is not mixed
    path = write_clip(
        tmp_path / name, frames=None, sound=sound, rate=48000, acodec=acodec)
    wave = decode(path, 48000)[4096:20000]
    assert np.abs(wave).max() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv'])
def test_sound_that_starts_late_has_silence_before_it(tmp_path, name):
    path = write_clip(tmp_path / name, sound=tone(0.5), sound_start=0.48)
    wave = decode(path, 16000)
    assert onset(wave, 16000) == pytest.approx(0.48, abs=0.04)
    assert np.abs(wave[:7000]).max() < 0.01
    # A window is placed likewise.
    late = decode(path, 16000, 0.4, 0.6)
    assert len(late) == 3200
    assert onset(late, 16000) == pytest.approx(0.08, abs=0.04)


def test_picture_that_starts_late(tmp_path):
    path = write_clip(
        tmp_path / 'a.mkv', frames=5,
        times=[0.6 + i / 25 for i in range(5)], sound=tone(1))
    with MediaReader(path) as reader:
        assert frame_index(reader).times[0] == pytest.approx(0.6, abs=0.03)
        assert onset(decode_audio(reader, 16000), 16000) < 0.03


def test_sound_that_ends_early_is_shorter(tmp_path):
    path = write_clip(tmp_path / 'a.mkv', sound=tone(0.4), acodec='pcm_s16le')
    assert len(decode(path, 16000, 0.1, 0.9)) == round(0.3 * 16000)


@pytest.mark.parametrize('name', ['a.mkv', 'a.flv', 'a.mp4', 'a.ts'])
def test_sound_that_ends_early_is_not_taken_for_damage(tmp_path, name):
    path = write_clip(
        tmp_path / name, frames=75, sound=tone(1, 44100), rate=44100)
    assert len(decode(path, 16000)) == pytest.approx(16000, abs=1600)


def test_pause_in_the_sound_is_silence(tmp_path):
    sound = tone(0.64)
    path = write_clip(
        tmp_path / 'a.mkv', sound=sound, acodec='pcm_s16le',
        pause=(0.32, 0.5))
    wave = decode(path, 16000)
    assert len(wave) == pytest.approx(1.14 * 16000, abs=20)
    assert np.abs(wave[5200:13000]).max() == 0
    assert np.abs(wave[14000:]).max() > 0.4


@pytest.mark.parametrize('name, settings', [
    ('a.mp4', {}),
    ('a.mkv', dict(acodec='flac')),
    ('a.flv', dict(rate=44100)),
    ('a.avi', dict(vcodec='mpeg4', acodec='pcm_s16le')),
    ('a.ts', dict(rate=44100)),
])
def test_flash_and_beep_come_together(tmp_path, name, settings):
    """The picture's number jumps when the tone sets in, at 0.48 s."""
    rate = settings.get('rate', 16000)
    sound = tone(1, rate)
    sound[:, :round(0.48 * rate)] = 0
    path = write_clip(
        tmp_path / name, sound=sound,
        draw=lambda i, size: numbered_frame(7 if i < 12 else 99, size),
        **settings)
    with MediaReader(path) as reader:
        index = frame_index(reader)
        numbers = [read_number(p) for p in decode_frames(reader, range(25))]
        seen = index.times[numbers.index(99)]
        heard = onset(decode_audio(reader, 16000), 16000)
        assert abs(seen - heard) <= 0.04
        # The window of one frame holds what is heard while it is seen.
        before = decode_audio(
            reader, 16000, index.times[10], index.times[11])
        after = decode_audio(
            reader, 16000, index.times[14], index.times[15])
    assert np.abs(before).max() < 0.1 < 0.4 < np.abs(after).max()


@pytest.mark.parametrize('name, settings', [
    ('a.wav', dict(acodec='pcm_s16le', frames=None)),
    ('a.flac', dict(acodec='flac', frames=None)),
    ('a.mp3', dict(acodec='mp3', frames=None)),
    ('a.mp4', dict(frames=300)),
    ('a.mkv', dict(frames=300)),
    ('a.avi', dict(vcodec='mpeg4', frames=300, acodec='mp3')),
])
def test_window_is_a_piece_of_the_whole(tmp_path, name, settings):
    """Also 11 s into the file, where some containers are searched."""
    time = np.arange(12 * 16000) / 16000
    sound = 0.5 * np.sin(2 * np.pi * (200 + 40 * time) * time)[None]
    path = write_clip(
        tmp_path / name, sound=sound.astype(np.float32), **settings)
    whole = decode(path, 16000)
    for start, end in ((0, 0.5), (3.3, 4), (11.1, 11.7), (11.5, None)):
        piece = decode(path, 16000, start, end)
        first = round(start * 16000)
        last = len(whole) if end is None else round(end * 16000)
        np.testing.assert_allclose(piece, whole[first:last], atol=1e-4)


def test_search_in_compressed_wav(tmp_path, monkeypatch):
    """FFmpeg gives the blocks of ADPCM wrong times after a search."""
    monkeypatch.setattr(reader_module, 'KEPT_BYTES', 0)
    time = np.arange(6 * 16000) / 16000
    sound = 0.5 * np.sin(2 * np.pi * (200 + 40 * time) * time)[None]
    path = write_clip(
        tmp_path / 'a.wav', frames=None, acodec='adpcm_ms',
        sound=sound.astype(np.float32))
    whole = decode(path, 16000)
    piece = decode(path, 16000, 5, 5.4)
    np.testing.assert_allclose(piece, whole[80000:86400], atol=1e-4)


def test_search_reads_little(tmp_path, monkeypatch):
    path = write_clip(
        tmp_path / 'a.mp4', frames=None, sound=tone(30), acodec='aac')
    read = []
    decode_packet = MediaReader.decode
    monkeypatch.setattr(
        MediaReader, 'decode', lambda self, kind, packet: read.append(
            1) or decode_packet(self, kind, packet))
    decode(path, 16000, 25, 26)
    # A packet holds 64 ms; one and a half seconds are read.
    assert len(read) < 40


def test_no_sound_is_named(tmp_path):
    path = write_clip(tmp_path / 'mute.mp4')
    with pytest.raises(MissingStreamError, match=r'mute.mp4: has no sound'):
        decode(path, 16000)


def test_window_after_the_end_is_named(tmp_path):
    path = write_clip(tmp_path / 'a.mp4', sound=tone(0.5))
    with pytest.raises(MissingStreamError, match='no sound after 0.90 s'):
        decode(path, 16000, 0.9, 1.0)


@pytest.mark.parametrize('window', [(-1, None), (1, 1), (2, 1)])
def test_empty_window_is_refused(tmp_path, window):
    path = write_clip(tmp_path / 'a.mp4', sound=tone(0.5))
    with pytest.raises(MediaError, match='is empty'):
        decode(path, 16000, *window)


def test_wav_of_no_length(tmp_path):
    path = write_clip(
        tmp_path / 'a.wav', frames=None, sound=tone(0.1), acodec='pcm_s16le')
    content = bytearray(open(path, 'rb').read())
    place = content.index(b'data')
    content[place + 4:place + 8] = bytes(4)
    open(path, 'wb').write(content[:place + 8])
    with pytest.raises(MediaError, match='a.wav'):
        decode(path, 16000)


def test_not_a_number_is_named(tmp_path):
    sound = tone(0.1)
    sound[0, 100] = np.nan
    path = write_clip(
        tmp_path / 'a.wav', frames=None, sound=sound, acodec='pcm_f32le')
    with pytest.raises(MediaError, match='NaN'):
        decode(path, 16000)


@pytest.mark.parametrize('name, settings', [
    ('a.wav', dict(acodec='pcm_s16le')),
    ('a.flac', dict(acodec='flac')),
    ('a.mkv', dict(acodec='flac')),
    ('a.flv', dict(acodec='mp3', rate=22050)),
    # Only the sound is asked for; the picture would last as long.
    ('b.mkv', dict(acodec='flac', frames=75)),
    ('b.flv', dict(acodec='mp3', rate=22050, frames=75, vcodec='flv')),
])
def test_truncated_sound(tmp_path, name, settings):
    settings = {'frames': None, 'rate': 16000, **settings}
    whole = write_clip(
        tmp_path / f'whole_{name}', sound=tone(3, settings['rate']),
        **settings)
    path = truncate(whole, tmp_path / name, 0.5)
    with pytest.raises(MediaError, match=r'[ab]\.\w+: '):
        decode(path, 16000)
    assert len(decode(whole, 16000)) == pytest.approx(48000, abs=2400)


def test_truncated_wav_may_be_taken_as_it_is(tmp_path):
    whole = write_clip(
        tmp_path / 'whole.wav', frames=None, sound=tone(1),
        acodec='pcm_s16le')
    path = truncate(whole, tmp_path / 'half.wav', 0.5)
    wave = decode(path, 16000, allow_truncated=True)
    assert len(wave) == pytest.approx(8000, abs=40)
    # What is asked for is there.
    assert len(decode(path, 16000, 0.1, 0.4)) == 4800


@pytest.mark.parametrize(
    'size', [0, 0x7FFFF000, 0x7FFFFFDB, 0x7FFFFFFF, 0xFFFFFFDB, 0xFFFFFFFF])
def test_wav_of_unknown_length_is_whole(tmp_path, size):
    """Programs that write to a pipe put nothing or the largest number there.

    0x7FFFF000 is what ``espeak-ng --stdout`` writes.
    """
    path = write_clip(
        tmp_path / 'a.wav', frames=None, sound=tone(0.5), acodec='pcm_s16le')
    content = bytearray(open(path, 'rb').read())
    place = content.index(b'data')
    content[place + 4:place + 8] = size.to_bytes(4, 'little')
    open(path, 'wb').write(content)
    assert len(decode(path, 16000)) == 8000


def test_frames_can_be_counted_after_the_sound_was_read(tmp_path):
    path = write_clip(
        tmp_path / 'clip.mkv', frames=7, sound=tone(.28, 16000))
    for _ in range(20):  # what was wrong here was wrong at random
        with MediaReader(path) as reader:
            decode_audio(reader, 8000, 0., .1)
            index_module.forget_indices()
            assert len(frame_index(reader).times) == 7


@pytest.mark.parametrize('parts', [
    ((16000, 1), (16000, 2)), ((16000, 1), (32000, 1)),
    ((32000, 2), (16000, 1), (32000, 2))], ids=['channels', 'rate', 'both'])
def test_sound_that_changes(tmp_path, parts):
    both = tmp_path / 'both.aac'
    with open(both, 'wb') as file:
        for number, (rate, channels) in enumerate(parts):
            part = write_clip(
                tmp_path / f'{number}.aac', None, rate=rate,
                sound=tone(1, rate, channels=channels))
            file.write(Path(part).read_bytes())
    with MediaReader(str(both)) as reader:
        with pytest.raises(MediaError, match=r'its sound changes from '):
            decode_audio(reader, 16000)
    with MediaReader(str(both)) as reader:
        wave = decode_audio(reader, 16000, allow_changes=True)
        assert reader.tolerated == {'change of the sound': len(parts) - 1}
        cut = decode_audio(reader, 16000, .5, 1.5, allow_changes=True)
    # As loud and as high in every part, wherever it is cut.
    assert len(wave) == pytest.approx(16000 * len(parts), abs=3072 * len(
        parts))
    pieces = [wave[n * 16000 + 3000:(n + 1) * 16000 - 3000]
              for n in range(len(parts))]
    for piece in (*pieces, cut):
        assert abs(loudest_hertz(piece, 16000) - 440) < 5
        assert piece.std() == pytest.approx(.5 / 2**.5, rel=.1)
    assert len(cut) == 16000


def test_one_bad_packet_is_silence_by_option(tmp_path):
    path = write_clip(tmp_path / 'a.mkv', None, sound=tone(2))
    with MediaReader(path) as reader:
        packets = list(reader.demux(reader.audio))
        bad = packets[len(packets) // 2]
        whole = decode_audio(reader, 16000)
    start = bytes(bad)
    content = bytearray(Path(path).read_bytes())
    place = content.index(start)
    content[place:place + len(start)] = b'\xff' * len(start)
    Path(path).write_bytes(content)
    with MediaReader(path) as reader:
        with pytest.raises(MediaError, match='sound cannot be decoded'):
            decode_audio(reader, 16000)
    with MediaReader(path) as reader:
        wave = decode_audio(reader, 16000, allow_damage=1)
        assert reader.tolerated == {'damaged place': 1}
    assert len(wave) == len(whole)
    # A packet is 1024 samples, and is heard in its neighbours.
    different = np.flatnonzero(abs(wave - whole) > 1e-3)
    assert 0 < different[-1] - different[0] < 4096
