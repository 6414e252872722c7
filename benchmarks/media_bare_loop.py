"""What one would write without a framework to load a clip of CREMA-D."""
from typing import Sequence, Tuple

import av
import cv2
import numpy as np
import torch

from media_clips import Clip

FRAMES, SIZE, RATE, SECONDS = 3, 224, 22050, 3.0


class BareLoop:
    """Decodes, crops, resizes and transforms as crema_d.py does.

    It knows how many frames a clip has, checks nothing and stops at the last
    frame it needs; it shares no code with the plugin's transforms.

    Args:
        clips (Sequence[Clip]): What to load, one after the other and again.
        seed (int): Of frames, crops and flips. Defaults to 0.
    """

    def __init__(self, clips: Sequence[Clip], seed: int = 0) -> None:
        self.clips, self.place = clips, 0
        self.rng = np.random.default_rng(seed)
        self.window = torch.hann_window(512)

    def advance(self, steps: int) -> None:
        """Load ``steps`` clips."""
        for _ in range(steps):
            self.load(self.clips[self.place % len(self.clips)])
            self.place += 1

    def load(self, clip: Clip) -> Tuple[torch.Tensor, torch.Tensor]:
        """uint8 (3, 3, 224, 224) and float32 (1, 257, 188)."""
        return self.picture(clip), self.sound(clip)

    def picture(self, clip: Clip) -> torch.Tensor:
        """Three frames, cropped, resized and perhaps flipped."""
        edges = np.arange(FRAMES + 1) * clip.frames // FRAMES
        wanted = set(self.rng.integers(edges[:-1], edges[1:]).tolist())
        last, pictures = max(wanted), []
        with av.open(clip.video) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            for number, frame in enumerate(container.decode(stream)):
                if number in wanted:
                    # All loops have one core.
                    rgb = frame.reformat(format='rgb24', threads=1)
                    pictures.append(rgb.to_ndarray())
                if number == last:
                    break
        top, left, height, width = self._crop(*pictures[0].shape[:2])
        flip = self.rng.random() < .5
        done = []
        for picture in pictures:
            part = picture[top:top + height, left:left + width]
            part = cv2.resize(part, (SIZE, SIZE))
            done.append(cv2.flip(part, 1) if flip else part)
        return torch.from_numpy(
            np.ascontiguousarray(np.stack(done).transpose(0, 3, 1, 2)))

    def _crop(self, height: int, width: int) -> Tuple[int, int, int, int]:
        area = self.rng.uniform(.08, 1) * height * width
        aspect = np.exp(self.rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        h = min(height, max(1, round((area / aspect)**.5)))
        w = min(width, max(1, round((area * aspect)**.5)))
        return (int(self.rng.integers(height - h + 1)),
                int(self.rng.integers(width - w + 1)), h, w)

    def sound(self, clip: Clip) -> torch.Tensor:
        """The log spectrogram of three seconds, repeated to that length."""
        resampler = av.AudioResampler('fltp', 'mono', RATE)
        pieces = []
        with av.open(clip.audio) as container:
            for frame in container.decode(audio=0):
                pieces += resampler.resample(frame)
            pieces += resampler.resample(None)
        wave = np.concatenate([p.to_ndarray()[0] for p in pieces])
        wave = torch.from_numpy(np.resize(wave, round(SECONDS * RATE)))
        spectrum = torch.stft(
            wave.clamp(-1, 1), 512, 353, window=self.window,
            pad_mode='reflect', return_complex=True)
        return torch.log(spectrum.abs() + 1e-7)[None]
