"""Which streams of a file are read, and how long they should be."""
import av
import numpy as np
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
from mmbalance_plugin.media import reader as reader_module
from tests.media_utils import (
    loudest_hertz,
    read_number,
    tone,
    truncate,
    write_clip,
)


def remux(target, *streams, late=0.0, mute=None):
    """Copy streams, given as (path, kind, is_default), into one file.

    Args:
        late: Seconds by which everything is shifted.
        mute: Codec of a further audio stream that gets no packet.
    """
    with av.open(str(target), 'w') as out:
        sources = []
        for path, kind, default in streams:
            source = av.open(str(path))
            stream = getattr(source.streams, kind)[0]
            copy = out.add_stream_from_template(stream)
            copy.disposition = (
                av.stream.Disposition.default if default else 0)
            sources.append((source, stream, copy))
        if mute:
            silent = out.add_stream(mute, rate=16000)
            silent.codec_context.layout = 'mono'
        out.start_encoding()
        for source, stream, copy in sources:
            shift = round(late / stream.time_base)
            for packet in source.demux(stream):
                if packet.dts is not None:
                    packet.pts, packet.dts = (
                        packet.pts + shift, packet.dts + shift)
                    packet.stream = copy
                    out.mux(packet)
            source.close()
    return str(target)


@pytest.mark.parametrize('suffix', ['mkv', 'mp4'])
@pytest.mark.parametrize('default, count', [(0, 3), (1, 50)])
def test_default_stream_of_several(tmp_path, suffix, default, count):
    """Also: the length of the file may be that of another stream."""
    short = write_clip(tmp_path / 'short.mp4', frames=3)
    long = write_clip(tmp_path / 'long.mp4', frames=50)
    path = remux(
        tmp_path / f'both.{suffix}', (short, 'video', default == 0),
        (long, 'video', default == 1))
    with MediaReader(path) as reader:
        assert len(frame_index(reader)) == count


def test_file_that_only_sound_fills(tmp_path):
    picture = write_clip(tmp_path / 'picture.mp4', frames=10)
    first = write_clip(
        tmp_path / 'first.mp4', frames=None, sound=tone(0.5))
    second = write_clip(tmp_path / 'second.mp4', frames=None, sound=tone(3))
    path = remux(
        tmp_path / 'all.mkv', (picture, 'video', True),
        (first, 'audio', True), (second, 'audio', False))
    info = probe(path, full=True)
    assert info.frames == 10
    assert info.samples == pytest.approx(8000, abs=2048)


def test_matroska_that_starts_late(tmp_path):
    """Its length is counted from zero, not from the first frame."""
    clip = write_clip(tmp_path / 'clip.mp4', frames=25, sound=tone(1))
    path = remux(
        tmp_path / 'late.mkv', (clip, 'video', True), (clip, 'audio', True),
        late=20)
    with MediaReader(path) as reader:
        assert reader.origin == pytest.approx(20, abs=0.1)
        index = frame_index(reader)
        assert index.times[0] == pytest.approx(0, abs=0.1)
        assert [read_number(p) for p in decode_frames(reader, [3, 24])
                ] == [3, 24]
        assert len(decode_audio(reader, 16000)) == pytest.approx(
            16000, abs=2048)


def test_windows_media_whose_sound_starts_late(tmp_path):
    """It states one length for everything."""
    path = write_clip(
        tmp_path / 'clip.wmv', frames=50, vcodec='wmv2', acodec='mp3',
        sound=tone(2, 44100), rate=44100, sound_start=0.8)
    with MediaReader(path) as reader:
        assert len(frame_index(reader)) == 50
        wave = decode_audio(reader, 16000)
    assert np.flatnonzero(np.abs(wave) > 0.2)[0] == pytest.approx(
        0.8 * 16000, abs=1600)


@pytest.mark.parametrize('vcodec', ['mpeg4', 'mjpeg'])
def test_truncated_avi_without_sound(tmp_path, vcodec):
    """FFmpeg shortens the stated length by what is missing of the file."""
    whole = write_clip(
        tmp_path / 'whole.avi', frames=60, vcodec=vcodec,
        pix_fmt='yuvj420p' if vcodec == 'mjpeg' else 'yuv420p')
    assert probe(whole, full=True).frames == 60
    path = truncate(whole, tmp_path / 'cut.avi', 0.75)
    with pytest.raises(MediaError, match='cut.avi: is truncated'):
        probe(path, full=True)


def test_sound_stream_without_a_packet(tmp_path):
    """It is no sound, rather than damage: the policies apply."""
    clip = write_clip(tmp_path / 'clip.mp4', frames=30)
    path = remux(
        tmp_path / 'mute.mkv', (clip, 'video', True), mute='pcm_s16le')
    assert probe(path).has_audio
    with MediaReader(path) as reader:
        with pytest.raises(MissingStreamError, match='no length'):
            decode_audio(reader, 16000)
    assert not probe(path, full=True).has_audio


@pytest.mark.parametrize('kept', [True, False])
def test_recordings_joined_end_to_end(tmp_path, monkeypatch, kept):
    """Time stamps start again in the middle; nothing is lost."""
    if not kept:
        monkeypatch.setattr(reader_module, 'KEPT_BYTES', 0)
    parts = [
        write_clip(tmp_path / f'{hertz}.ts', frames=75,
                   sound=tone(3, hertz=hertz)) for hertz in (500, 1500)
    ]
    path = tmp_path / 'joined.ts'
    path.write_bytes(b''.join(open(p, 'rb').read() for p in parts))
    with MediaReader(path) as reader:
        index = frame_index(reader)
        assert len(index) == 150
        assert index.end == pytest.approx(6, abs=0.1)
        assert len(decode_audio(reader, 16000)) == pytest.approx(
            6 * 16000, abs=3000)
        for start, hertz in ((0.5, 500), (2.2, 500), (3.6, 1500),
                             (5.2, 1500)):
            wave = decode_audio(reader, 16000, start, start + 0.5)
            assert loudest_hertz(wave, 16000) == pytest.approx(hertz, abs=4)
