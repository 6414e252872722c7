"""AVI files of old encoders, which put two pictures into one packet.

DivX and XviD could pack a P-frame with the B-frame that is shown before it,
as AVI has one packet a frame and no times; an empty picture fills the next
packet. UCF101 has such files.
"""
from fractions import Fraction

import av
import pytest

from mmbalance_plugin.media import (
    MediaReader,
    decode_frames,
    frame_index,
    probe,
)
from tests.media_utils import numbered_frame, read_number

FRAMES, FPS = 31, 25
#: What the encoder left in the stream says that it packs ("p").
USER_DATA = b'\x00\x00\x01\xb2DivX503b1393p'
#: A picture that is not coded: it repeats the one before.
FILLER = b'\x00\x00\x01\xb6\x7f'


def encoded():
    """Packets of MPEG-4 with one B-frame between the others."""
    context = av.CodecContext.create('mpeg4', 'w')
    context.width = context.height = 64
    context.pix_fmt, context.bit_rate = 'yuv420p', 400_000
    context.time_base, context.framerate = Fraction(1, FPS), FPS
    context.max_b_frames, context.gop_size = 1, 12
    context.thread_count = 1
    packets = []
    for number in range(FRAMES):
        frame = av.VideoFrame.from_ndarray(numbered_frame(number), 'rgb24')
        frame.pts = number
        packets += context.encode(frame.reformat(format='yuv420p'))
    return [bytes(p) for p in packets + context.encode(None)]


def kind(data):
    """'I', 'P', 'B' by the two bits that follow the start of a picture."""
    begin = data.index(b'\x00\x00\x01\xb6') + 4
    return 'IPBS'[data[begin] >> 6]


def packed(packets):
    """Each B-frame behind the frame that it was decoded after."""
    result = []
    for data in packets:
        if kind(data) == 'B':
            result[-1] += data
            result.append(FILLER)
        else:
            result.append(data)
    begin = result[0].index(b'\x00\x00\x01\xb6')
    result[0] = result[0][:begin] + USER_DATA + result[0][begin:]
    return result


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    path = str(tmp_path_factory.mktemp('packed') / 'v_Packed_g01_c01.avi')
    packets = packed(encoded())
    assert packets.count(FILLER) > FRAMES // 3
    with av.open(path, 'w') as out:
        stream = out.add_stream('mpeg4', rate=FPS)
        stream.width = stream.height = 64
        stream.pix_fmt = 'yuv420p'
        stream.codec_context.codec_tag = 'XVID'
        for number, data in enumerate(packets):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, FPS)
            packet.pts = packet.dts = number
            packet.duration = 1
            packet.is_keyframe = kind(data) == 'I'
            out.mux(packet)
    return path


def test_every_frame_is_there_once(clip):
    assert probe(clip, full=True).frames == FRAMES
    with MediaReader(clip) as reader:
        assert len(frame_index(reader)) == FRAMES
        found = decode_frames(reader, list(range(FRAMES)))
    assert [read_number(picture) for picture in found] == list(range(FRAMES))


@pytest.mark.parametrize('wanted', [[0], [30], [7, 8], [29, 3, 16], [13, 12]])
def test_the_sampled_frames_are_the_decoded_ones(clip, wanted):
    with MediaReader(clip) as reader:
        found = decode_frames(reader, wanted)
    assert [read_number(picture) for picture in found] == wanted
