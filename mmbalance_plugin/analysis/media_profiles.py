"""What clips of the published sets are like, and how many there are."""
from fractions import Fraction
from typing import NamedTuple, Optional, Tuple

_NTSC = Fraction(30000, 1001)


class Profile(NamedTuple):
    """Clips of one set: their form, and how many of them to reckon with.

    Attributes:
        dataset (str): Name that ``tools/prepare_data.py`` knows.
        size (tuple[int, int]): Width and height of the picture.
        fps (Fraction): Frames a second.
        seconds (float): Length of a clip.
        suffix (str): Of its file, which chooses the container.
        codec (str): FFmpeg's encoder of the picture.
        bit_rate (int): Of the picture, bits a second.
        sound (str): FFmpeg's encoder of the sound.
        sound_rate (int): Samples a second.
        sound_bit_rate (int): Bits a second.
        clips (int): In the whole set, as published.
        train (int): Clips of its training split.
        val (int): Clips of its validation split.
        options (tuple[tuple[str, str], ...]): Of the picture's encoder.
            Defaults to ().
        wav_rate (int, optional): Samples a second of the wav file beside the
            clip. Defaults to None: there is none.
        flow (bool): Whether optical flow lies beside it as jpeg pictures.
            Defaults to False.
    """
    dataset: str
    size: Tuple[int, int]
    fps: Fraction
    seconds: float
    suffix: str
    codec: str
    bit_rate: int
    sound: str
    sound_rate: int
    sound_bit_rate: int
    clips: int
    train: int
    val: int
    options: Tuple[Tuple[str, str], ...] = ()
    wav_rate: Optional[int] = None
    flow: bool = False

    @property
    def name(self) -> str:
        """str: The set and the size of its pictures."""
        return f'{self.dataset} {self.size[0]}x{self.size[1]}'

    @property
    def epoch(self) -> int:
        """int: Clips that an epoch loads, to train and to validate."""
        return self.train + self.val

    @property
    def frames(self) -> int:
        """int: Frames of a clip."""
        return round(self.seconds * self.fps)


# One or two key frames, as encoders at their defaults make of clips this
# short: what is hardest on a reader that wants single frames.
_GOP = (('g', '300'), )
_X264 = (('preset', 'medium'), ) + _GOP

#: Sizes and bit rates give files of the mean sizes that docs/datasets.md
#: quotes, but for Kinetics at 1280x720, whose bit rate is a guess: the
#: published mean is over all sizes. Clips to validate on are a tenth
#: (Kinetics-Sounds), a twentieth (VGGSound) and two of eighteen groups
#: (UCF101, first split) of the published training lists.
PROFILES = (
    Profile(
        'crema_d', (480, 360), _NTSC, 2.54, '.flv', 'flv', 970_000,
        'libmp3lame', 44100, 64_000, clips=7442, train=5159, val=814,
        options=_GOP, wav_rate=16000),
    Profile(
        'kinetics_sounds', (340, 256), _NTSC, 10., '.mp4', 'libx264',
        300_000, 'aac', 44100, 96_000, clips=17396, train=13319, val=1480,
        options=_X264),
    Profile(
        'kinetics_sounds', (1280, 720), _NTSC, 10., '.mp4', 'libx264',
        2_000_000, 'aac', 44100, 128_000, clips=17396, train=13319, val=1480,
        options=_X264),
    Profile(
        'vggsound', (640, 360), _NTSC, 10., '.mp4', 'libx264', 1_240_000,
        'aac', 44100, 128_000, clips=199467, train=174820, val=9201,
        options=_X264),
    # XviD, which UCF101 is in, has B-frames.
    Profile(
        'ucf101', (320, 240), Fraction(25), 7.21, '.avi', 'mpeg4', 590_000,
        'libmp3lame', 44100, 64_000, clips=13320, train=8477, val=1060,
        options=_GOP + (('bf', '2'), ), flow=True),
)
