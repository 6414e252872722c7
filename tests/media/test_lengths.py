"""What a header states counts, what FFmpeg guesses does not."""
import os

import numpy as np
import pytest

from mmbalance_plugin.media import MediaError, probe
from mmbalance_plugin.media.headers import mp3_samples, wave_share
from tests.media_utils import tone, truncate, write_clip

RATE = 44100
SECONDS = 4
#: Lets mp3 spend on noise what it saves on silence.
VARIABLE = dict(acodec='libmp3lame', aoptions=dict(abr='1', b='96000'))


def silence_then_noise() -> np.ndarray:
    """Sound whose first half costs next to nothing."""
    sound = np.zeros((1, SECONDS * RATE), dtype=np.float32)
    loud = np.random.default_rng(0).normal(size=(1, SECONDS * RATE // 2))
    sound[:, SECONDS * RATE // 2:] = 0.3 * loud
    return sound


def write(path, **settings):
    settings = {'frames': None, 'rate': RATE, **settings}
    return write_clip(path, sound=silence_then_noise(), **settings)


# File: how it is written.
GUESSED = {
    'untagged.mp3': dict(VARIABLE, options=dict(write_xing='0')),
    'piped.mp3': dict(VARIABLE, format='mp3', piped=True),
    'layer2.mp2': dict(acodec='mp2'),
    'raw.aac': dict(format='adts'),
    'raw.ac3': dict(acodec='ac3'),
    'raw.eac3': dict(acodec='eac3'),
    'raw.latm': dict(format='latm'),
    'live.mka': dict(VARIABLE, format='matroska', options=dict(live='1')),
    'piped.mkv': dict(VARIABLE, format='matroska', piped=True, frames=100,
                      vcodec='mpeg4'),
    'piped.avi': dict(VARIABLE, format='avi', piped=True),
    'piped.rm': dict(acodec='ac3', format='rm', piped=True),
    'piped.wma': dict(VARIABLE, format='asf', piped=True),
    'piped.wav': dict(VARIABLE, format='wav', piped=True),
    'piped.flac': dict(acodec='flac', format='flac', piped=True),
    'sound.swf': dict(VARIABLE),
}
STATED = {
    'tagged.mp3': dict(VARIABLE),
    'a.mp4': dict(),
    'pieces.mp4': dict(options=dict(
        movflags='empty_moov+default_base_moof+frag_keyframe+dash',
        frag_duration='500000')),
    'a.mka': dict(VARIABLE, format='matroska'),
    'a.flv': dict(VARIABLE),
    'a.avi': dict(VARIABLE),
    'a.wma': dict(VARIABLE, format='asf'),
    'both.wmv': dict(VARIABLE, frames=100, vcodec='wmv2'),
    'a.rm': dict(acodec='ac3'),
    'a.wav': dict(VARIABLE),
    'a.flac': dict(acodec='flac'),
    'a.tta': dict(acodec='tta'),
    'a.wv': dict(acodec='wavpack'),
    'a.aiff': dict(acodec='pcm_s16be'),
    'a.au': dict(acodec='pcm_s16be'),
    'a.caf': dict(acodec='pcm_s16be'),
    'packed.caf': dict(VARIABLE),
    'plain.w64': dict(acodec='pcm_s16le'),
    'packed.w64': dict(acodec='ac3'),
    'large.wav': dict(acodec='pcm_s16le', options=dict(rf64='always')),
}


@pytest.mark.parametrize('name', GUESSED)
def test_whole_file_without_a_stated_length(tmp_path, name):
    info = probe(write(tmp_path / name, **GUESSED[name]), full=True)
    assert info.samples / RATE == pytest.approx(SECONDS, abs=0.11)
    assert info.duration is None


@pytest.mark.parametrize('name', STATED)
def test_half_of_a_file_with_a_stated_length(tmp_path, name):
    whole = write(tmp_path / f'whole_{name}', **STATED[name])
    info = probe(whole, full=True)
    assert info.duration == pytest.approx(SECONDS, abs=0.11)
    assert info.samples / RATE == pytest.approx(SECONDS, abs=0.11)
    with pytest.raises(MediaError, match=name):
        probe(truncate(whole, tmp_path / name, 0.6), full=True)


@pytest.mark.parametrize('vcodec', ['wmv2', 'mpeg4'])
@pytest.mark.parametrize('sound', [True, False])
def test_half_of_windows_media(tmp_path, vcodec, sound):
    """FFmpeg does not believe the header once the size is another."""
    whole = write_clip(
        tmp_path / 'whole.wmv', frames=75, vcodec=vcodec, acodec='mp2',
        sound=tone(3) if sound else None)
    path = truncate(whole, tmp_path / 'half.wmv', 0.6)
    with pytest.raises(MediaError, match='is truncated: 60% of it is there'):
        probe(path, full=True)


def append(path, data: bytes) -> str:
    with open(path, 'ab') as file:
        file.write(data)
    return str(path)


def test_windows_media_with_something_appended(tmp_path):
    """FFmpeg then guesses from the size."""
    path = write(tmp_path / 'a.wma', acodec='pcm_s16le', format='asf')
    append(path, bytes(os.path.getsize(path) // 2))
    assert probe(path).duration is None
    info = probe(path, full=True)
    assert info.samples / RATE == pytest.approx(SECONDS, abs=0.11)


def test_windows_media_of_a_broadcast(tmp_path):
    path = write(tmp_path / 'a.wma', acodec='pcm_s16le', format='asf')
    content = bytearray(open(path, 'rb').read())
    facts = content.index(bytes.fromhex('a1dcab8c47a9cf118ee400c00c205365'))
    content[facts + 40:facts + 48] = (1 << 40).to_bytes(8, 'little')
    content[facts + 88] |= 1
    open(path, 'wb').write(content)
    info = probe(path, full=True)
    assert info.samples / RATE == pytest.approx(SECONDS, abs=0.11)


def test_mp3_to_which_another_was_appended(tmp_path):
    """Its tag is that of the first; FFmpeg guesses."""
    bare = dict(VARIABLE, options=dict(id3v2_version='0'))
    quiet = write_clip(
        tmp_path / 'quiet.mp3', frames=None, rate=RATE,
        sound=tone(4, RATE, level=0), **bare)
    loud = write(tmp_path / 'loud.mp3', **bare)
    append(quiet, open(loud, 'rb').read())
    info = probe(quiet, full=True)
    assert info.samples / RATE == pytest.approx(8, abs=0.2)
    assert info.duration is None


@pytest.mark.parametrize('acodec', ['adpcm_ms', 'adpcm_ima_wav', 'adpcm_swf',
                                    'pcm_s16le'])
def test_avi_with_sound_in_blocks(tmp_path, acodec):
    """FFmpeg counts their bytes and takes them for blocks."""
    whole = write(tmp_path / 'whole.avi', acodec=acodec)
    info = probe(whole, full=True)
    assert info.duration == pytest.approx(SECONDS, abs=0.11)
    assert info.samples / RATE == pytest.approx(SECONDS, abs=0.11)
    path = truncate(whole, tmp_path / 'half.avi', 0.6)
    with pytest.raises(MediaError, match='half.avi: is truncated'):
        probe(path, full=True)


def test_avi_of_an_interrupted_recording(tmp_path):
    """All its lengths are 0."""
    path = write_clip(
        tmp_path / 'a.avi', frames=50, vcodec='mpeg4', acodec='mp3',
        sound=tone(2, RATE), rate=RATE)
    content = bytearray(open(path, 'rb').read())
    place = content.index(b'avih')
    content[place + 8 + 16:place + 8 + 20] = bytes(4)
    place = content.index(b'strh')
    while place > 0:
        content[place + 8 + 32:place + 8 + 36] = bytes(4)
        place = content.find(b'strh', place + 1)
    open(path, 'wb').write(content)
    info = probe(path, full=True)
    assert info.frames == 50
    assert info.samples / RATE == pytest.approx(2, abs=0.11)


@pytest.mark.parametrize('picture', [0, 300, 70000])
@pytest.mark.parametrize('rate', [44100, 22050, 11025])
@pytest.mark.parametrize('channels', [1, 2])
def test_tag_of_an_mp3(tmp_path, rate, channels, picture):
    """Titles and a cover may stand in front of it."""
    path = write_clip(
        tmp_path / 'a.mp3', frames=None, sound=tone(2, rate, 440, channels),
        rate=rate, acodec='libmp3lame')
    if picture:
        size = bytes(picture >> shift & 127 for shift in (21, 14, 7, 0))
        content = open(path, 'rb').read()
        # Part of the cover looks like a tag.
        cover = (b'Info\0\0\0\x01' * picture)[:picture]
        open(path, 'wb').write(
            b'ID3\x04\0\0' + size + cover + content)
    samples = mp3_samples(path)
    frame = 1152 if rate == 44100 else 576
    assert samples % frame == 0
    # The encoder adds a few frames.
    assert 2 * rate <= samples <= 2 * rate + 4 * frame


def test_other_tags_of_an_mp3(tmp_path):
    """Made by hand: 300 frames each, stereo of the first generation."""
    header = b'\xff\xfb\x90\x00'
    count = (300).to_bytes(4, 'big')
    for name, content, expected in (
        ('vbri', header + bytes(32) + b'VBRI' + bytes(10) + count, 300),
        ('xing', header + bytes(32) + b'Xing\0\0\0\x01' + count, 300),
        ('no count', header + bytes(32) + b'Xing\0\0\0\x02' + count, None),
        ('count 0', header + bytes(32) + b'Xing\0\0\0\x01' + bytes(4), None),
        ('no frame', bytes(36) + b'Xing\0\0\0\x01' + count, None),
        ('cut', header + bytes(32) + b'Xing\0\0', None),
        ('nothing', b'', None)):
        path = tmp_path / f'{name}.mp3'
        path.write_bytes(content)
        assert mp3_samples(str(path)) == (
            expected and expected * 1152), name


def test_size_of_a_large_wav(tmp_path):
    """Where it does not fit into four bytes it stands in another chunk."""
    path = write(tmp_path / 'a.wav', **STATED['large.wav'])
    assert wave_share(path) == 1
    content = open(path, 'rb').read()
    assert content.startswith(b'RF64')
    half = truncate(path, tmp_path / 'half.wav', 0.5)
    assert wave_share(half) == pytest.approx(0.5, abs=0.01)
