"""Whatever is wrong with a file is said by name."""
import os
import pickle
import subprocess
import sys

import pytest

from mmbalance_plugin.media import (
    MediaError,
    MediaReader,
    MissingStreamError,
    decode_audio,
    decode_frames,
    frame_index,
    probe,
)
from tests.media_utils import numbered_frame, tone, truncate, write_clip


@pytest.mark.parametrize('make, reason', [
    (lambda p: None, 'no such file'),
    (lambda p: p.mkdir(), 'is a directory'),
    (lambda p: p.write_bytes(b''), r'is empty \(0 bytes\)'),
    (lambda p: p.write_text('not a clip' * 99), 'cannot be opened'),
    (lambda p: os.mkfifo(p), 'is not a regular file'),
    (lambda p: p.write_text('#EXTM3U\n#EXTINF:1,\nx.ts\n'), 'x.mp4: '),
    (lambda p: p.write_text("ffconcat version 1.0\nfile 'y.mp4'\n"),
     'x.mp4: '),
])
def test_what_is_no_clip(tmp_path, make, reason):
    path = tmp_path / 'x.mp4'
    make(path)
    with pytest.raises(MediaError, match=reason) as caught:
        MediaReader(str(path))
    assert caught.value.path == str(path)
    assert str(path) in str(caught.value)


def test_text_is_not_drawn(tmp_path):
    """FFmpeg would render it as a terminal does."""
    path = tmp_path / 'notes.txt'
    path.write_text('hello\n' * 50)
    with pytest.raises(MediaError, match='notes.txt'):
        MediaReader(str(path))


def test_name_with_a_null(tmp_path):
    with pytest.raises(MediaError, match='cannot be read'):
        MediaReader('a\0b.mp4')


@pytest.mark.parametrize('name', [
    'two words.mp4', 'søren – 犬.mkv', "it's 100%.mp4", 'a:b.mp4', '-i.mp4',
    'file:x.mp4', 'pipe:.mp4', '%03d.mp4'
])
def test_odd_names(tmp_path, name, monkeypatch):
    write_clip(tmp_path / 'plain.mkv', frames=3, format='matroska')
    os.rename(tmp_path / 'plain.mkv', tmp_path / name)
    assert probe(str(tmp_path / name), full=True).frames == 3
    monkeypatch.chdir(tmp_path)
    assert probe(name, full=True).frames == 3


def test_wrong_suffix_is_no_matter(tmp_path):
    write_clip(tmp_path / 'a.mkv', frames=3)
    os.rename(tmp_path / 'a.mkv', tmp_path / 'a.wav')
    assert probe(str(tmp_path / 'a.wav')).container == 'matroska'


def test_probe(tmp_path):
    path = write_clip(
        tmp_path / 'a.mkv', size=(48, 64), sound=tone(1, 16000, channels=2),
        acodec='flac')
    info = probe(path)
    assert (info.container, info.video_codec) == ('matroska', 'h264')
    assert (info.width, info.height, info.fps) == (64, 48, 25)
    assert (info.audio_codec, info.sample_rate, info.channels) == (
        'flac', 16000, 2)
    assert info.duration == pytest.approx(1, abs=0.02)
    assert info.frames is info.samples is None
    full = probe(path, full=True)
    assert (full.frames, full.samples) == (25, 16000)


def test_missing_streams(tmp_path):
    mute = write_clip(tmp_path / 'mute.mp4', frames=3)
    blind = write_clip(
        tmp_path / 'blind.wav', frames=None, sound=tone(0.1),
        acodec='pcm_s16le')
    with MediaReader(blind) as reader:
        with pytest.raises(MissingStreamError, match='has no picture'):
            frame_index(reader)
        with pytest.raises(MissingStreamError, match='has no picture'):
            decode_frames(reader, [0])
    with MediaReader(mute) as reader:
        with pytest.raises(MissingStreamError, match='has no sound'):
            decode_audio(reader, 16000)
    assert not probe(mute).has_audio and not probe(blind).has_video


@pytest.mark.parametrize('name, options', [
    ('a.mp4', dict(movflags='faststart')),
    ('a.mkv', None),
    ('a.avi', None),
])
def test_truncated(tmp_path, name, options):
    whole = write_clip(
        tmp_path / f'whole_{name}', frames=100, sound=tone(4),
        options=options)
    path = truncate(whole, tmp_path / name, 0.6)
    with pytest.raises(MediaError, match=r'a\.\w+: .*truncated'):
        probe(path, full=True)
    with MediaReader(path) as reader:
        index = frame_index(reader, allow_truncated=True)
        assert 10 < len(index) < 90
        with pytest.raises(MediaError, match='truncated'):
            frame_index(reader)


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv'])
def test_clock_runs_out(tmp_path, name):
    path = write_clip(tmp_path / name, sound=tone(1))
    requests = (frame_index, lambda reader: decode_frames(reader, [0]),
                lambda reader: decode_audio(reader, 16000))
    for request in requests:
        with MediaReader(path) as reader:
            reader.timeout = 0
            with pytest.raises(MediaError, match='took longer than 0 s'):
                request(reader)
    with MediaReader(path, timeout=None) as reader:
        assert len(frame_index(reader)) == 25
    with pytest.raises(MediaError, match='took longer than 0 s'):
        MediaReader(path, timeout=0)


def test_header_that_claims_a_huge_picture(tmp_path):
    """It must not be believed with gigabytes of memory."""
    path = write_clip(
        tmp_path / 'a.avi', frames=3, vcodec='mjpeg', pix_fmt='yuvj420p')
    content = bytearray(open(path, 'rb').read())
    frame = content.index(b'\xff\xc0')
    content[frame + 5:frame + 9] = b'\xff\xff\xff\xff'
    open(path, 'wb').write(content)
    with pytest.raises(MediaError, match=r'a\.avi'):
        probe(path, full=True)


def test_errors_cross_processes():
    error = MissingStreamError('a clip.mp4', 'has no sound')
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.path, copy.reason, str(copy)) == (
        MissingStreamError, error.path, error.reason, str(error))
    # As a data loader rebuilds them: from the whole text.
    again = MissingStreamError(f'Caught in worker 1:\n{error}')
    assert 'a clip.mp4: has no sound' in str(again)


def test_closing_twice(tmp_path):
    reader = MediaReader(write_clip(tmp_path / 'a.mp4', frames=1))
    reader.close()
    reader.close()


def test_needs_nothing_of_openmmlab(tmp_path, root):
    path = write_clip(tmp_path / 'a.mp4', frames=2, draw=numbered_frame)
    code = (
        'import sys\n'
        'for name in ("mmcv", "mmengine", "mmaction", "torch"):\n'
        '    sys.modules[name] = None\n'
        'from mmbalance_plugin.media import probe\n'
        f'print(probe({path!r}, full=True).frames)')
    result = subprocess.run([sys.executable, '-c', code], cwd=root,
                            capture_output=True, text=True, timeout=60)
    assert result.stdout.strip() == '2', result.stderr
