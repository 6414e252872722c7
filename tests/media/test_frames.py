"""The frames that are asked for are the ones that come."""
import os
import struct

import numpy as np
import pytest

from mmbalance_plugin.media import (
    FrameIndex,
    MediaError,
    MediaReader,
    decode_frames,
    frame_index,
)
from mmbalance_plugin.media import index as index_module
from mmbalance_plugin.media import reader as reader_module
from tests.media_utils import numbered_frame, read_number, tone, write_clip

COUNT = 25
B_FRAMES = dict(bf='2', g='10')
KINDS = {
    'h264.mp4': {},
    'h264.mkv': {},
    'h264.flv': {},
    'h264.ts': {},
    'h264_b_frames.avi': {},
    'hevc_b_frames.mp4': dict(
        vcodec='libx265',
        voptions={'x265-params': 'log-level=none:keyint=8:bframes=3'}),
    'mpeg4.avi': dict(vcodec='mpeg4'),
    'mpeg4_b_frames.avi': dict(vcodec='mpeg4', voptions=B_FRAMES),
    'flv1.flv': dict(vcodec='flv'),
    'mpeg2.mpg': dict(vcodec='mpeg2video', voptions=B_FRAMES),
    'mjpeg.mov': dict(vcodec='mjpeg', pix_fmt='yuvj420p'),
    'vp9.webm': dict(vcodec='libvpx-vp9'),
    'ffv1_odd_size.mkv': dict(
        vcodec='ffv1', pix_fmt='yuv444p', size=(49, 65)),
    'mpeg4_odd_size.mp4': dict(vcodec='mpeg4', size=(51, 67)),
    'one_key_frame.mp4': dict(voptions=dict(g='250', bf='3')),
    'open_groups.mkv': dict(
        voptions={'x264-params': 'open-gop=1:keyint=6:bframes=3',
                  'crf': '18'}),
    'ten_bits.mkv': dict(pix_fmt='yuv420p10le'),
    # Pictures that are refreshed piece by piece: after a search, frames are
    # withheld until the whole of them is new.
    'gradual_refresh.mp4': dict(
        voptions={'x264-params': 'intra-refresh=1:keyint=8:bframes=0',
                  'crf': '18'}),
    # Its decoder takes what it may leave out for the whole file.
    'av1.mp4': dict(
        vcodec='libsvtav1', voptions={'preset': '12', 'crf': '20'}),
}


@pytest.fixture(scope='module', params=list(KINDS))
def clip(request, tmp_path_factory):
    path = tmp_path_factory.mktemp('clips') / request.param
    settings = dict(frames=COUNT, **KINDS[request.param])
    return write_clip(path, **settings), settings.get('size', (64, 64))


@pytest.fixture(params=['kept', 'searched'], autouse=True)
def way(request, monkeypatch):
    """Small files are kept, large ones searched: both must come out alike."""
    if request.param == 'searched':
        monkeypatch.setattr(reader_module, 'KEPT_BYTES', 0)
    return request.param


def numbers(pictures):
    return [read_number(picture) for picture in pictures]


def test_every_frame_by_its_number(clip):
    path, size = clip
    with MediaReader(path) as reader:
        pictures = decode_frames(reader, range(COUNT))
    assert numbers(pictures) == list(range(COUNT))
    assert all(p.shape == size + (3, ) for p in pictures)
    assert all(p.dtype == np.uint8 and p.flags.writeable for p in pictures)


@pytest.mark.parametrize(
    'wanted', [[COUNT - 1], [0], [20], [3, 22], [17, 2, 9, 2, 17, 0, 24]])
def test_scattered_frames(clip, wanted):
    path, _ = clip
    with MediaReader(path) as reader:
        assert numbers(decode_frames(reader, wanted)) == wanted
        # And from wherever the file then stands.
        assert numbers(decode_frames(reader, wanted[::-1])) == wanted[::-1]


def test_same_pixels_however_they_are_reached(clip):
    path, _ = clip
    with MediaReader(path) as reader:
        everything = decode_frames(reader, range(COUNT))
        for number in (0, 7, 13, 24):
            [alone] = decode_frames(reader, [number])
            np.testing.assert_array_equal(alone, everything[number])


def test_random_requests_on_long_groups(tmp_path):
    path = write_clip(tmp_path / 'long.mp4', frames=200, fps=30)
    rng = np.random.default_rng(0)
    for _ in range(20):
        wanted = rng.integers(0, 200, rng.integers(1, 9)).tolist()
        with MediaReader(path) as reader:
            assert numbers(decode_frames(reader, wanted)) == wanted


def test_far_apart_frames_do_not_decode_what_lies_between(tmp_path,
                                                          monkeypatch):
    path = write_clip(tmp_path / 'long.mp4', frames=400)
    decoded = []
    decode = MediaReader.decode
    monkeypatch.setattr(
        MediaReader, 'decode',
        lambda self, kind, packet: decoded.append(1) or decode(
            self, kind, packet))
    with MediaReader(path) as reader:
        assert numbers(decode_frames(reader, [5, 205, 395])) == [5, 205, 395]
    # Groups have ten frames; a few more packets fill the decoder.
    assert len(decoded) < 3 * 20


def test_repeated_frames_do_not_share_memory(tmp_path):
    path = write_clip(tmp_path / 'a.mp4', frames=5)
    with MediaReader(path) as reader:
        first, second = decode_frames(reader, [3, 3])
    first[:] = 0
    assert read_number(second) == 3


def test_variable_frame_rate(tmp_path):
    steps = [.02, .1, .04, .5, .013, .3]
    times = np.cumsum([0] + steps * 4)[:20]
    for name in ('vfr.mp4', 'vfr.mkv'):
        path = write_clip(tmp_path / name, frames=20, times=times)
        with MediaReader(path) as reader:
            index = frame_index(reader)
            np.testing.assert_allclose(index.times, times, atol=1e-3)
            assert numbers(decode_frames(reader, [19, 4, 5])) == [19, 4, 5]
            # Frame 3 is shown from .16 to .66 s.
        assert index.span(0.15, 0.2) == (3, 4)
        assert index.span(0.2, 0.6) == (3, 4)


def test_index_of_constant_rate(tmp_path):
    path = write_clip(tmp_path / 'a.mp4', frames=30, fps=30000 / 1001)
    with MediaReader(path) as reader:
        index = frame_index(reader)
    assert len(index) == 30
    assert index.fps == pytest.approx(30000 / 1001, rel=1e-3)
    assert index.end == pytest.approx(30 * 1001 / 30000, abs=1e-3)
    assert index.span() == (0, 30)
    assert index.span(0.5) == (15, 30)
    assert index.span(None, 0.5) == (0, 15)


def test_single_frame(tmp_path):
    path = write_clip(tmp_path / 'one.mp4', frames=1)
    with MediaReader(path) as reader:
        index = frame_index(reader)
        assert (len(index), index.fps) == (1, pytest.approx(25))
        assert numbers(decode_frames(reader, [0, 0])) == [0, 0]


@pytest.mark.parametrize('bad', [-1, 25])
def test_number_out_of_range_names_the_file(tmp_path, bad):
    path = write_clip(tmp_path / 'a.mp4')
    with MediaReader(path) as reader:
        with pytest.raises(MediaError, match=f'a.mp4: frame {bad} was asked'):
            decode_frames(reader, [0, bad])


@pytest.mark.parametrize('lands', ['after', 'before', 'at the end'])
def test_wrong_search_falls_back_to_reading_on(tmp_path, monkeypatch, lands):
    """Containers with poor tables land anywhere; the frame is still right."""
    path = write_clip(tmp_path / 'a.mkv', frames=60)
    monkeypatch.setattr(reader_module, 'KEPT_BYTES', 0)
    seek = MediaReader._seek
    target = {'after': 50, 'before': 0, 'at the end': 10**6}[lands] * 40
    monkeypatch.setattr(
        MediaReader, '_seek', lambda self, stream, _: seek(
            self, stream, target))
    with MediaReader(path) as reader:
        assert numbers(decode_frames(reader, [35, 2])) == [35, 2]


def test_sideways_camera_is_turned_upright(tmp_path):
    """A phone held upright stores lying pictures and says so."""
    path = write_clip(tmp_path / 'a.mp4', frames=5, size=(48, 64))
    with open(path, 'rb') as file:
        content = bytearray(file.read())
    matrix = content.index(b'tkhd') + 44
    content[matrix:matrix + 36] = struct.pack(
        '>9i', 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    with open(path, 'wb') as file:
        file.write(content)
    with MediaReader(path) as reader:
        [picture] = decode_frames(reader, [3])
    # Clockwise by a quarter, as FFmpeg's players show it.
    assert picture.shape == (64, 48, 3)
    assert read_number(np.rot90(picture)) == 3


def test_index_is_remembered_until_the_file_changes(tmp_path, monkeypatch):
    path = write_clip(tmp_path / 'a.mp4', frames=10)
    with MediaReader(path) as reader:
        first = frame_index(reader)
    with MediaReader(path) as reader:
        assert frame_index(reader) is first
        # Nothing was read again.
        assert reader.fresh
    write_clip(path, frames=7)
    os.utime(path, ns=(1, 1))
    with MediaReader(path) as reader:
        assert len(frame_index(reader)) == 7
    monkeypatch.setattr(index_module._memory, 'files', 2)
    for number in range(4):
        with MediaReader(write_clip(tmp_path / f'{number}.mp4',
                                    frames=2)) as reader:
            frame_index(reader)
    # One goes for one that comes.
    before = len(index_module._memory.kept)
    with MediaReader(write_clip(tmp_path / 'z.mp4', frames=2)) as reader:
        frame_index(reader)
    assert len(index_module._memory.kept) == before


def test_few_long_files_are_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(index_module._memory, 'frames', 60)
    index_module.forget_indices()
    for name in 'abcd':
        path = write_clip(tmp_path / f'{name}.mp4', frames=COUNT)
        with MediaReader(path) as reader:
            assert len(frame_index(reader)) == COUNT
    assert [os.path.basename(key[0]) for key in index_module._memory.kept
            ] == ['c.mp4', 'd.mp4']


def test_cover_art_is_no_picture(tmp_path):
    import av
    path = str(tmp_path / 'song.mp4')
    with av.open(path, 'w') as out:
        audio = out.add_stream('aac', rate=16000)
        audio.codec_context.layout = 'mono'
        cover = out.add_stream('mjpeg', rate=1)
        cover.height = cover.width = 64
        cover.pix_fmt = 'yuvj420p'
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(numbered_frame(1), format='rgb24')
        out.mux(cover.encode(frame.reformat(format='yuvj420p')))
        out.mux(cover.encode(None))
        sound = av.AudioFrame.from_ndarray(
            tone(0.5), format='fltp', layout='mono')
        sound.sample_rate = 16000
        out.mux(audio.encode(sound))
        out.mux(audio.encode(None))
    with MediaReader(path) as reader:
        assert reader.video is None
        assert reader.audio is not None


def test_damaged_frame_is_an_error_only_where_it_matters(tmp_path):
    path = write_clip(
        tmp_path / 'a.mkv', frames=60, voptions=dict(g='10', bf='0'))
    with MediaReader(path) as reader:
        index = frame_index(reader)
        reader.reopen()
        place = [
            packet.pos for packet in reader.demux(reader.video)
            if packet.pts == index.pts[30]
        ][0]
    with open(path, 'r+b') as file:
        file.seek(place + 20)
        file.write(b'\xaa' * 20)
    with MediaReader(path) as reader:
        assert numbers(decode_frames(reader, [5, 50], index)) == [5, 50]
    with MediaReader(path) as reader:
        with pytest.raises(MediaError, match=r'a\.mkv: .*(damaged|decoded)'):
            decode_frames(reader, [30], index)
    with MediaReader(path) as reader:
        shown = decode_frames(reader, [5, 30, 50], index, allow_damage=1)
        assert numbers(shown)[::2] == [5, 50]
        assert reader.tolerated == {'damaged place': 1}


def test_a_lost_frame_is_its_neighbour_by_option(tmp_path):
    path = write_clip(tmp_path / 'a.mkv', frames=20, vcodec='mjpeg',
                      pix_fmt='yuvj420p')
    with MediaReader(path) as reader:
        bad = [bytes(packet) for packet in reader.demux(reader.video)][10]
    with open(path, 'rb') as file:
        content = file.read()
    assert content.count(bad) == 1
    with open(path, 'wb') as file:
        file.write(content.replace(bad, b'\xff' * len(bad)))
    with MediaReader(path) as reader:
        with pytest.raises(MediaError, match=r'a\.mkv: '):
            decode_frames(reader, [9, 10, 11])
    with MediaReader(path) as reader:
        shown = decode_frames(reader, [9, 10, 11], allow_damage=1)
        assert numbers(shown) == [9, 9, 11]
        assert reader.tolerated == {'damaged place': 1}


def test_picture_size_that_changes(tmp_path):
    small = write_clip(tmp_path / 's.ts', frames=5)
    large = write_clip(
        tmp_path / 'l.ts', frames=5, size=(96, 96),
        times=[1 + i / 25 for i in range(5)])
    with open(tmp_path / 'both.ts', 'wb') as file:
        for part in (small, large):
            with open(part, 'rb') as source:
                file.write(source.read())
    with MediaReader(str(tmp_path / 'both.ts')) as reader:
        count = len(frame_index(reader))
        with pytest.raises(MediaError, match='picture size changes'):
            decode_frames(reader, range(count))
        pictures = decode_frames(reader, range(count), allow_changes=True)
        assert {p.shape for p in pictures} == {(64, 64, 3)}
        # Each shows its own number still, the large ones scaled.
        assert numbers(pictures) == [*range(5), *range(5)]
        assert reader.tolerated == {'frame of another size': 5}


def test_pixels_that_are_not_square(tmp_path):
    path = write_clip(tmp_path / 'wide.mkv', frames=3, sample_aspect=(3, 2))
    with MediaReader(path) as reader:
        assert decode_frames(reader, [1])[0].shape == (64, 64, 3)
        wide, = decode_frames(reader, [1], square_pixels=True)
    assert wide.shape == (64, 96, 3) and read_number(wide) == 1


def test_span_between_two_frames():
    """A picture that stays is the one that is seen."""
    slides = FrameIndex(times=np.array([0.5, 5.0, 10.0]), end=12.0)
    assert slides.span(6, 7) == (1, 2)
    assert slides.span(1, 5) == (0, 1)
    assert slides.span(10.5, 11.5) == (2, 3)
    assert slides.span(4, 6) == (1, 2)
    first, last = slides.span(12, 13)
    assert last <= first
    first, last = slides.span(0, 0.5)
    assert last <= first


def test_span_of_an_index():
    index = FrameIndex(times=np.array([0.5, 0.6, 0.9]), end=1.0)
    assert index.span(0.5, 0.9) == (0, 2)
    assert index.span(0.95) == (2, 3)
    assert index.span(1.0) == (3, 3)
    assert index.fps == pytest.approx(6)
