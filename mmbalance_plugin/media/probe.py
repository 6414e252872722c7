"""What a media file holds, without or with decoding it."""
from dataclasses import dataclass
from typing import Any, Dict, Optional

from .audio import decode_audio
from .completeness import EARLY_END, check_absence
from .errors import MissingStreamError
from .index import frame_index, frame_rate
from .lengths import kind_of, known_length
from .reader import MediaReader
from .video import check_frames


@dataclass(frozen=True)
class MediaInfo:
    """What :func:`probe` found.

    Attributes:
        path (str): The file.
        container (str): FFmpeg's name of the format, e.g. ``'matroska'``.
        duration (float, optional): Seconds that the header states, or the
            last time stamp. None where FFmpeg would guess them from the bit
            rate.
        video_codec (str, optional): None where there is no picture.
        width (int): Of the picture in pixels, 0 without one.
        height (int): Of the picture in pixels, 0 without one.
        fps (float): Mean frame rate, 0 where unknown.
        frames (int, optional): Number of frames; only with ``full``.
        audio_codec (str, optional): None where there is no sound.
        sample_rate (int): Samples per second, 0 without sound.
        channels (int): Number of channels, 0 without sound.
        samples (int, optional): Samples per channel, silence before a late
            start included; only with ``full``.
        peak (float, optional): The loudest sample of the mono mix, at most
            about 1; only with ``full``.
        pixel_width (float): How wide a pixel is to be shown, in its height.
        tolerated (dict[str, int], optional): What was allowed to be wrong,
            and how often; None for nothing.
    """
    path: str
    container: str
    duration: Optional[float]
    video_codec: Optional[str] = None
    width: int = 0
    height: int = 0
    fps: float = 0.0
    frames: Optional[int] = None
    audio_codec: Optional[str] = None
    sample_rate: int = 0
    channels: int = 0
    samples: Optional[int] = None
    peak: Optional[float] = None
    pixel_width: float = 1.0
    tolerated: Optional[Dict[str, int]] = None

    @property
    def has_video(self) -> bool:
        return self.video_codec is not None

    @property
    def has_audio(self) -> bool:
        return self.audio_codec is not None


def probe(path: str,
          full: bool = False,
          timeout: Optional[float] = 60.0,
          allow_truncated: bool = False,
          allow_changes: bool = False,
          allow_damage: int = 0) -> MediaInfo:
    """Read a file's header, or check it to the last frame and sample.

    Args:
        path (str): The file.
        full (bool): Whether to decode everything, which finds damage that
            the header does not show. Defaults to False.
        timeout (float, optional): Seconds that each step may take. Defaults
            to 60.
        allow_truncated, allow_changes, allow_damage: With ``full``, what may
            be wrong, see :func:`decode_audio` and :func:`decode_frames`.
            Default to nothing.

    Returns:
        MediaInfo: What the file holds.

    Raises:
        MediaError: The file cannot be opened, or with ``full`` not be
            decoded completely, or it lacks a stream and is truncated.
    """
    ends = []
    with MediaReader(path, timeout=timeout) as reader:
        found: Dict[str, Any] = dict(
            path=reader.path,
            container=kind_of(reader),
            duration=known_length(reader))
        if reader.video is None or reader.audio is None:
            check_absence(reader)
        if reader.video is not None:
            found.update(
                video_codec=reader.video.codec_context.name,
                width=reader.video.codec_context.width,
                height=reader.video.codec_context.height,
                fps=frame_rate(reader.video),
                pixel_width=float(reader.video.sample_aspect_ratio or 1))
            if full:
                index = frame_index(reader, allow_truncated)
                check_frames(reader, index, allow_changes, allow_damage)
                found.update(frames=len(index), fps=index.fps)
                ends.append(index.end)
        if reader.audio is not None:
            sound: Dict[str, Any] = dict(
                audio_codec=reader.audio.codec_context.name,
                sample_rate=reader.audio.codec_context.sample_rate,
                channels=reader.audio.codec_context.layout.nb_channels)
            try:
                if full:
                    wave = decode_audio(
                        reader, sound['sample_rate'], 0., None,
                        allow_truncated, allow_changes, allow_damage)
                    sound.update(
                        samples=len(wave),
                        peak=float(abs(wave).max(initial=0)))
                    ends.append(len(wave) / sound['sample_rate'])
                found.update(sound)
            except MissingStreamError:
                pass  # a stream of no length is no sound
        if reader.tolerated:
            found.update(tolerated=dict(reader.tolerated))
        if EARLY_END in reader.tolerated:
            found.update(duration=max(ends))
    return MediaInfo(**found)
