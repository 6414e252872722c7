"""Clips of the size and codecs of CREMA-D, generated."""
from fractions import Fraction
from pathlib import Path
from typing import List, NamedTuple, Tuple

import av
import numpy as np


class Clip(NamedTuple):
    """A clip on disk.

    Attributes:
        video (str): The flv file.
        audio (str): The wav file.
        frames (int): Frames of the picture.
    """
    video: str
    audio: str
    frames: int


def generate_clips(folder: str,
                   count: int,
                   seconds: float = 2.5,
                   fps: int = 30,
                   size: Tuple[int, int] = (360, 480),
                   rate: int = 16000,
                   gop: int = 12) -> List[Clip]:
    """Write clips as those of CREMA-D: flv (Sorenson H.263) and mono wav.

    A smooth picture with a texture that drifts and some noise; the sound is
    a chord with noise.

    Args:
        folder (str): An existing one.
        count (int): Number of clips.
        seconds (float): Length of each. Defaults to 2.5.
        fps (int): Frames a second. Defaults to 30.
        size (tuple[int, int]): Height and width. Defaults to (360, 480).
        rate (int): Samples of the sound a second. Defaults to 16000.
        gop (int): Frames from one key frame to the next. Defaults to 12,
            the encoder's own.
    """
    clips = []
    for number in range(count):
        rng = np.random.default_rng(number)
        name = Path(folder) / f'{number:04d}'
        clip = Clip(f'{name}.flv', f'{name}.wav', round(seconds * fps))
        _write_picture(clip, fps, size, gop, rng)
        _write_sound(clip, seconds, rate, rng)
        clips.append(clip)
    return clips


def _write_picture(clip: Clip, fps: int, size: Tuple[int, int], gop: int,
                   rng) -> None:
    height, width = size
    y, x = np.mgrid[:height, :width]
    texture = rng.normal(0, 8, (height, width * 2, 3))
    with av.open(clip.video, 'w') as out:
        stream = out.add_stream(
            'flv', rate=fps, width=width, height=height, pix_fmt='yuv420p',
            bit_rate=1_000_000)
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = gop
        for number in range(clip.frames):
            light = 120 + 80 * np.sin(x / 70 + number / 9) * np.cos(y / 50)
            picture = light[..., None] + texture[:, number:number + width]
            frame = av.VideoFrame.from_ndarray(
                picture.clip(0, 255).astype(np.uint8), format='rgb24')
            frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(frame.reformat(format='yuv420p')))
        out.mux(stream.encode(None))


def _write_sound(clip: Clip, seconds: float, rate: int, rng) -> None:
    time = np.arange(round(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220, 330, 550))
    wave = 4000 * wave + rng.normal(0, 300, len(time))
    with av.open(clip.audio, 'w') as out:
        stream = out.add_stream('pcm_s16le', rate=rate, layout='mono')
        frame = av.AudioFrame.from_ndarray(
            wave.astype(np.int16)[None], format='s16', layout='mono')
        frame.sample_rate, frame.pts = rate, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
