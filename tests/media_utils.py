"""Small clips made by PyAV, whose content tells which part of it one sees.

Every frame carries its number as a 4 x 4 pattern of dark and light cells,
which survives any codec, and every sound is made of tones one can measure.
"""
from fractions import Fraction
from typing import Callable, Optional, Sequence

import av
import numpy as np

#: Milliseconds: fine enough for any frame rate, and what flv and mkv keep.
_CLOCK = Fraction(1, 1000)


def numbered_frame(number: int, size=(64, 64)) -> np.ndarray:
    """A (H, W, 3) uint8 picture that shows ``number`` < 32768 in binary.

    The first cell is always light, so that a black picture is no number.
    """
    height, width = size
    bits = np.array([1] + [number >> i & 1 for i in range(15)])
    grid = bits.reshape(4, 4) * 200 + 28
    rows = np.arange(height) * 4 // height
    columns = np.arange(width) * 4 // width
    picture = grid[rows[:, None], columns[None]].astype(np.uint8)
    return np.repeat(picture[..., None], 3, axis=2)


def read_number(picture: np.ndarray) -> int:
    """The number that a decoded picture shows; -1 where it shows none."""
    height, width = picture.shape[:2]
    rows = (np.arange(4) * 2 + 1) * height // 8
    columns = (np.arange(4) * 2 + 1) * width // 8
    cells = picture[rows[:, None], columns[None]].mean(axis=-1).reshape(-1)
    bits = cells > 128
    if not bits[0]:
        return -1
    return int(sum(1 << i for i in range(15) if bits[i + 1]))


def tone(seconds: float, rate: int = 16000, hertz: float = 440.0,
         channels: int = 1, level: float = 0.5) -> np.ndarray:
    """A sine, float32 of shape (channels, n)."""
    wave = level * np.sin(
        2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave[None].astype(np.float32), channels, axis=0)


def loudest_hertz(wave: np.ndarray, rate: int) -> float:
    """The frequency with the most energy."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(np.fft.rfftfreq(len(wave), 1 / rate)[power.argmax()])


def write_clip(path,
               frames: Optional[int] = 25,
               fps: float = 25,
               size=(64, 64),
               vcodec: str = 'libx264',
               voptions: Optional[dict] = None,
               times: Optional[Sequence[float]] = None,
               draw: Callable[[int, tuple], np.ndarray] = numbered_frame,
               pix_fmt: str = 'yuv420p',
               sample_aspect: Optional[tuple] = None,
               sound: Optional[np.ndarray] = None,
               rate: int = 16000,
               acodec: str = 'aac',
               aoptions: Optional[dict] = None,
               sound_start: float = 0.0,
               pause: Optional[tuple] = None,
               format: Optional[str] = None,
               options: Optional[dict] = None,
               piped: bool = False) -> str:
    """Write a clip and return its path as a string.

    Args:
        path: Where; the suffix chooses the container unless ``format`` does.
        frames (int, optional): Number of frames; None for no picture.
        times (Sequence[float], optional): Seconds at which each frame is
            shown, for a variable frame rate. Defaults to None: ``i / fps``.
        draw (Callable): Makes the picture of a number and a size.
        sample_aspect (tuple[int], optional): How wide a pixel is to be
            shown, over how high.
        sound (np.ndarray, optional): float32 (channels, n); None for no
            sound.
        sound_start (float): Seconds by which the sound starts late.
        pause (tuple[float], optional): After how many seconds of sound there
            is none for how long.
        piped (bool): Whether to write as into a pipe, where no header can
            be completed at the end.
    """
    target = _Pipe(path) if piped else str(path)
    with av.open(target, 'w', format=format, options=options) as out:
        video = audio = None
        if frames is not None:
            video = _video_stream(
                out, vcodec, fps, size, pix_fmt, times, voptions)
            if sample_aspect:
                video.codec_context.sample_aspect_ratio = Fraction(
                    *sample_aspect)
        if sound is not None:
            audio = _audio_stream(
                out, acodec, rate, sound.shape[0], aoptions)
        # Interleave roughly, as muxers of real clips do: sound first.
        if audio is not None:
            _encode_sound(out, audio, sound, rate, sound_start, pause)
        if video is not None:
            _encode_frames(out, video, frames, fps, size, times, draw,
                           pix_fmt)
    return str(path)


def _video_stream(out, vcodec, fps, size, pix_fmt, times, voptions):
    video = out.add_stream(vcodec, rate=Fraction(fps).limit_denominator(1001))
    video.height, video.width = size
    video.pix_fmt = pix_fmt
    video.codec_context.thread_count = 1
    if times is not None:
        video.codec_context.time_base = _CLOCK
    if voptions is None:
        voptions = {}
        if vcodec == 'libx264':
            # Short groups with B-frames, as phones and web sites make them.
            voptions = dict(
                preset='veryfast', g='10', bf='2', crf='18',
                sc_threshold='0')
    video.codec_context.options = dict(voptions)
    return video


class _Pipe:
    """A file that can only be written from its beginning to its end."""

    def __init__(self, path) -> None:
        self.path = path
        open(path, 'wb').close()

    def write(self, data) -> int:
        with open(self.path, 'ab') as file:
            return file.write(data)


def _audio_stream(out, acodec, rate, channels, aoptions):
    layout = {1: 'mono', 2: 'stereo', 6: '5.1'}[channels]
    audio = out.add_stream(acodec, rate=rate)
    audio.codec_context.layout = layout
    audio.codec_context.options = dict(aoptions or {})
    return audio


def _encode_sound(out, audio, sound, rate, sound_start, pause):
    offset = round(sound_start * rate)
    layout = audio.codec_context.layout.name
    for begin in range(0, sound.shape[1], 1024):
        piece = np.ascontiguousarray(sound[:, begin:begin + 1024])
        frame = av.AudioFrame.from_ndarray(
            piece, format='fltp', layout=layout)
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        frame.pts = offset + begin
        if pause and begin >= pause[0] * rate:
            frame.pts += round(pause[1] * rate)
        out.mux(audio.encode(frame))
    out.mux(audio.encode(None))


def _encode_frames(out, video, frames, fps, size, times, draw, pix_fmt):
    for number in range(frames):
        frame = av.VideoFrame.from_ndarray(draw(number, size), format='rgb24')
        frame = frame.reformat(format=pix_fmt)
        if times is not None:
            frame.time_base = _CLOCK
            frame.pts = round(times[number] / _CLOCK)
        else:
            frame.time_base = 1 / Fraction(fps).limit_denominator(1001)
            frame.pts = number
        out.mux(video.encode(frame))
    out.mux(video.encode(None))


def truncate(source: str, target, share: float) -> str:
    """Copy the first ``share`` of a file's bytes, an even number."""
    with open(source, 'rb') as file:
        content = file.read()
    with open(target, 'wb') as file:
        file.write(content[:int(len(content) * share) // 2 * 2])
    return str(target)


def flip_bits(source: str, target, count: int, seed: int,
              start: int = 0) -> str:
    """Copy a file with ``count`` bits flipped at random after ``start``."""
    with open(source, 'rb') as file:
        content = bytearray(file.read())
    rng = np.random.default_rng(seed)
    for place in rng.integers(min(start, len(content) - 1), len(content),
                              count):
        content[place] ^= 1 << int(rng.integers(8))
    with open(target, 'wb') as file:
        file.write(content)
    return str(target)


def steps(pipeline):
    """Configs of a pipeline's transforms, those of each modality inside."""
    for step in pipeline:
        if step.type == 'mmbalance_plugin.PerModality':
            for key, inner in step.items():
                if key != 'type':
                    yield from steps(inner)
        else:
            yield step


def set_sizes(pipeline, scale=(32, 32), duration=None):
    """Shrink what a shipped pipeline makes, in place."""
    for step in steps(pipeline):
        if step.type == 'Resize':
            step.scale = scale
        elif step.type == 'mmbalance_plugin.PyAVAudioDecode' and duration:
            step.duration = duration
